// Which rank is slow, and which differences are none.
#include "trainer/watch/slow_ranks.hpp"

#include <gtest/gtest.h>

namespace annulus::trainer {
namespace {

std::map<int, Heartbeat> with_times(const std::vector<double>& seconds) {
  std::map<int, Heartbeat> beats;
  for (std::size_t i = 0; i < seconds.size(); ++i) {
    Heartbeat beat;
    beat.rank = static_cast<int>(i);
    beat.host = "n" + std::to_string(i);
    beat.own_step_seconds = seconds[i];
    beats[beat.rank] = beat;
  }
  return beats;
}

TEST(SlowRanks, AreHalfAsLongAgainAsTheOthers) {
  const auto slow = find_slow(with_times({0.017, 0.018, 0.017, 0.041}));

  ASSERT_TRUE(slow.has_value());
  EXPECT_EQ(describe(*slow),
            "rank 3 on host n3 holds the others up: 41 ms per step of its own work, the others 17 ms");
}

TEST(SlowRanks, SmallDifferencesAreNone) {
  EXPECT_FALSE(find_slow(with_times({0.017, 0.020, 0.017, 0.025})));
  EXPECT_FALSE(find_slow(with_times({0.0002, 0.0009}))) << "less than a millisecond";
}

TEST(SlowRanks, NeedOthersToBeComparedWith) {
  EXPECT_FALSE(find_slow(with_times({0.5})));
  EXPECT_FALSE(find_slow(with_times({0.5, 0, 0}))) << "the others have not measured yet";
  EXPECT_FALSE(find_slow({}));
}

TEST(SlowRanks, ANoticeIsTakenOnce) {
  EXPECT_FALSE(take_notice());
  post_notice("slow");

  EXPECT_EQ(take_notice(), "slow");
  EXPECT_FALSE(take_notice());
}

}  // namespace
}  // namespace annulus::trainer
