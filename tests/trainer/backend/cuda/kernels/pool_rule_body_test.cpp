// The rule of max pools on the GPU, run on the host, against the table that all backends share.
#include <gtest/gtest.h>

#include "tests/support/pool_windows.hpp"
#include "trainer/backend/cuda/kernels/pool_body.hpp"

namespace annulus::trainer::cuda {
namespace {

TEST(PoolBody, FollowsTheRuleOfMaxPools) {
  const PoolShape shape{.height = 2, .width = 2, .size_y = 2, .size_x = 2, .stride_y = 2, .stride_x = 2};
  for (const test::PoolWindow& window : test::pool_windows()) {
    SCOPED_TRACE(window.name);
    float maximum = 0;
    std::uint16_t winner = 9;

    MaxPoolForwardBody<float, 1>{.x = window.pixels.data(),
                                 .y = &maximum,
                                 .winners = &winner,
                                 .shape = shape,
                                 .samples = 1,
                                 .relu = PendingRelu::no}(0);

    EXPECT_EQ(winner, window.winner);
    EXPECT_TRUE(test::same_value(maximum, window.pixels.at(static_cast<std::size_t>(window.winner))))
        << maximum;
  }
}

TEST(PoolBody, PaddingNeverWinsOverMinusInfinity) {
  const PoolShape shape{.size_y = 2, .size_x = 2, .top = 1, .left = 1};  // one pixel, in the window's corner
  const float pixel = -std::numeric_limits<float>::infinity();
  float maximum = 0;
  std::uint16_t winner = 9;

  MaxPoolForwardBody<float, 1>{
      .x = &pixel, .y = &maximum, .winners = &winner, .shape = shape, .samples = 1, .relu = PendingRelu::no}(
      0);

  EXPECT_EQ(maximum, pixel);
  EXPECT_EQ(winner, 3);
}

}  // namespace
}  // namespace annulus::trainer::cuda
