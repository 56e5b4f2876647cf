// Pooling worked out by hand: overlap, padding, ties.
#include "trainer/backend/reference/pooling.hpp"

#include <gmock/gmock.h>

#include <functional>
#include <limits>

#include "tests/support/pool_windows.hpp"
#include "tests/trainer/backend/reference/kernel_harness.hpp"

namespace annulus::trainer::reference {
namespace {

using testing::ElementsAre;

const SampleShape kThree{.height = 3, .width = 3, .channels = 1};
const Padding kOneAround{.top = 1, .bottom = 1, .left = 1, .right = 1};

TEST(ReferencePooling, OverlappingMaximumAddsUpGradients) {
  const Network network = NetworkBuilder(kThree).add(Pool2d{.size = {2, 2}, .stride = {1, 1}}).build();
  KernelHarness layer(network, {{1, 2, 3, 4, 9, 6, 7, 8, 5}});

  EXPECT_THAT(layer.forward(), ElementsAre(9, 9, 9, 9));
  EXPECT_THAT(layer.backward({1, 2, 3, 4})[0], ElementsAre(0, 0, 0, 0, 10, 0, 0, 0, 0));
}

TEST(ReferencePooling, FirstOfEqualMaximaGetsTheGradient) {
  const Network network = NetworkBuilder({.height = 2, .width = 2, .channels = 1}).add(Pool2d{}).build();
  KernelHarness layer(network, {{0, 5, 5, 5}});

  EXPECT_THAT(layer.forward(), ElementsAre(5));
  EXPECT_THAT(layer.backward({3})[0], ElementsAre(0, 3, 0, 0));
}

/// Each window of the table as an image of its own.
void expect_windows(const std::function<Network(const SampleShape&)>& network_of) {
  for (const test::PoolWindow& window : test::pool_windows()) {
    SCOPED_TRACE(window.name);
    KernelHarness layer(network_of({.height = 2, .width = 2, .channels = 1}),
                        {Tensor(window.pixels.begin(), window.pixels.end())});

    const double maximum = layer.forward()[0];

    EXPECT_TRUE(test::same_value(maximum, window.pixels.at(window.winner))) << maximum;
    Tensor gradient(4, 0.0);
    gradient.at(window.winner) = 3;
    EXPECT_EQ(layer.backward({3})[0], gradient);
  }
}

TEST(ReferencePooling, FollowsTheRuleOfMaxPools) {
  expect_windows([](const SampleShape& shape) { return NetworkBuilder(shape).add(Pool2d{}).build(); });
}

TEST(ReferenceGlobalPooling, FollowsTheRuleOfMaxPools) {
  expect_windows(
      [](const SampleShape& shape) { return NetworkBuilder(shape).add(GlobalPool{PoolKind::max}).build(); });
}

TEST(ReferencePooling, AWindowOfMinusInfinityHangingOverTheBorderIsPixels) {
  const double inf = std::numeric_limits<double>::infinity();
  const Network network =
      NetworkBuilder({.height = 2, .width = 2, .channels = 1}).add(Pool2d{.padding = kOneAround}).build();
  KernelHarness layer(network, {{-inf, -inf, -inf, -inf}});

  EXPECT_THAT(layer.forward(), ElementsAre(-inf, -inf, -inf, -inf));
  EXPECT_THAT(layer.backward({1, 2, 3, 4})[0], ElementsAre(1, 2, 3, 4));
}

TEST(ReferencePooling, PaddingNeverWinsAMaximum) {
  const Network network =
      NetworkBuilder(kThree)
          .add(Pool2d{.kind = PoolKind::max, .size = {3, 3}, .stride = {2, 2}, .padding = kOneAround})
          .build();
  KernelHarness layer(network, {{-1, -2, -3, -4, -5, -6, -7, -8, -9}});

  // Corners of the padded image see 2x2 pixels each: the largest of {1,2,4,5}, {2,3,5,6}, {4,5,7,8},
  // {5,6,8,9}.
  EXPECT_THAT(layer.forward(), ElementsAre(-1, -2, -4, -5));
}

TEST(ReferencePooling, MeanDividesByPixelsInsideTheImage) {
  const Network network =
      NetworkBuilder(kThree)
          .add(Pool2d{.kind = PoolKind::average, .size = {3, 3}, .stride = {2, 2}, .padding = kOneAround})
          .build();
  KernelHarness layer(network, {{1, 2, 3, 4, 5, 6, 7, 8, 9}});

  // Four pixels in each window: (1+2+4+5)/4 and so on; a division by nine would give 4/3.
  EXPECT_THAT(layer.forward(), ElementsAre(3, 4, 6, 7));
  // Each window hands a quarter to its pixels; the middle lies in all four.
  EXPECT_THAT(layer.backward({4, 8, 12, 16})[0], ElementsAre(1, 3, 2, 4, 10, 6, 3, 7, 4));
}

TEST(ReferencePooling, ChannelsAndSamplesStayApart) {
  const Network network = NetworkBuilder({.height = 1, .width = 2, .channels = 2})
                              .add(Pool2d{.size = {1, 2}, .stride = {1, 2}})
                              .build();
  KernelHarness layer(network, {{1, 8, 2, 7, 6, 3, 5, 4}});  // two samples of two pixels with two channels

  EXPECT_THAT(layer.forward(), ElementsAre(2, 8, 6, 4));
  EXPECT_THAT(layer.backward({1, 2, 3, 4})[0], ElementsAre(0, 2, 1, 0, 3, 0, 0, 4));
}

TEST(ReferenceGlobalPooling, MeanAndMaximumOfEachChannel) {
  const SampleShape shape{.height = 1, .width = 2, .channels = 2};
  const Tensor images{1, 8, 3, 6, 5, 5, 5, 9};  // two samples
  KernelHarness mean(NetworkBuilder(shape).add(GlobalPool{PoolKind::average}).build(), {images});
  KernelHarness maximum(NetworkBuilder(shape).add(GlobalPool{PoolKind::max}).build(), {images});

  EXPECT_THAT(mean.forward(), ElementsAre(2, 7, 5, 7));
  EXPECT_THAT(maximum.forward(), ElementsAre(3, 8, 5, 9));
  EXPECT_THAT(mean.backward({2, 4, 6, 8})[0], ElementsAre(1, 2, 1, 2, 3, 4, 3, 4));
  EXPECT_THAT(maximum.backward({2, 4, 6, 8})[0], ElementsAre(0, 4, 2, 0, 6, 0, 0, 8));
}

}  // namespace
}  // namespace annulus::trainer::reference
