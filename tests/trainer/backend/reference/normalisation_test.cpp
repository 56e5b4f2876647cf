// Batch norm, local response norm and dropout worked out by hand.
#include <gmock/gmock.h>

#include <cmath>

#include "tests/support/tensor_matchers.hpp"
#include "tests/trainer/backend/reference/kernel_harness.hpp"
#include "trainer/backend/planning/keyed_dropout.hpp"

namespace annulus::trainer::reference {
namespace {

using testing::ElementsAre;

constexpr double kRounding = 1e-14;  // a few roundings in double

// epsilon + variance = 4, so that the deviation is 2 exactly.
Network two_channel_norm() {
  return NetworkBuilder({.height = 1, .width = 2, .channels = 2}).add(BatchNorm{.epsilon = 3.0f}).build();
}

TEST(ReferenceBatchNorm, TrainingUsesTheBatchAndKeepsItsStatistics) {
  // Channel 0 holds 0, 2, 0, 2: mean 1, biased variance 1. Channel 1: all 5, variance 0.
  KernelHarness layer(two_channel_norm(), {{0, 5, 2, 5, 0, 5, 2, 5}}, {{10, 7}, {1, 2}, {100, 100}, {9, 9}});

  // gamma (x - 1) / sqrt(1 + 3) + beta = 10 * -+0.5 + 1; the constant channel gives its beta.
  EXPECT_THAT(layer.forward(), ElementsAre(-4, 2, 6, 2, -4, 2, 6, 2));
  EXPECT_THAT(layer.node().saved, ElementsAre(1, 5, 1, 0));
}

TEST(ReferenceBatchNorm, GradientsByHand) {
  KernelHarness layer(two_channel_norm(), {{0, 5, 2, 5, 0, 5, 2, 5}}, {{10, 7}, {1, 2}, {0, 0}, {1, 1}});
  layer.forward();

  const Tensor dx = layer.backward({1, 4, 0, 0, 0, 0, 0, 0})[0];

  // Channel 0: h = -+0.5; dgamma = 1 * -0.5, dbeta = 1. dx = gamma / 2 * (dy - 1/4 - h * dgamma / 4):
  // first 5 * (1 - 0.25 - 0.0625) = 3.4375, h = 0.5: 5 * (-0.25 + 0.0625), h = -0.5: 5 * (-0.25 - 0.0625).
  // Channel 1: h = 0, deviation sqrt(3): 7 / sqrt(3) * (dy - 1).
  const double scale = 7 / std::sqrt(3.0);
  const Tensor expected{3.4375, 3 * scale, -0.9375, -scale, -1.5625, -scale, -0.9375, -scale};
  EXPECT_TENSOR_NEAR(dx, expected, kRounding);
  EXPECT_THAT(layer.node().parameter_gradients[0], ElementsAre(-0.5, 0));
  EXPECT_THAT(layer.node().parameter_gradients[1], ElementsAre(1, 4));
}

TEST(ReferenceBatchNorm, InferenceUsesTheMovingAverages) {
  KernelHarness layer(two_channel_norm(), {{0, 5, 2, 5}}, {{10, 7}, {1, 2}, {4, 5}, {1, 6}});

  // Channel 0: 10 (x - 4) / 2 + 1; channel 1: 7 (5 - 5) / 3 + 2.
  EXPECT_THAT(layer.forward(Mode::inference), ElementsAre(-19, 2, -9, 2));
}

TEST(ReferenceResponseNorm, WindowIsCentredAndCutAtTheEnds) {
  const Network network = NetworkBuilder({.height = 1, .width = 1, .channels = 4})
                              .add(LocalResponseNorm{.size = 3, .alpha = 2.0f, .beta = 0.5f, .k = 7.0f})
                              .build();
  KernelHarness layer(network, {{1, 2, 3, 4}});

  // s = 7 + 2 * (1+4, 1+4+9, 4+9+16, 9+16) = 17, 35, 65, 57; y = x / sqrt(s).
  const Tensor expected{1 / std::sqrt(17.0), 2 / std::sqrt(35.0), 3 / std::sqrt(65.0), 4 / std::sqrt(57.0)};
  EXPECT_TENSOR_NEAR(layer.forward(), expected, kRounding);
  // Only y_0 counts: dx_0 = s^-1/2 - 2 alpha beta x_0 x_0 s^-3/2, dx_1 = -2 alpha beta x_1 x_0 s^-3/2.
  const double cubed = std::pow(17.0, -1.5);
  const Tensor gradient{1 / std::sqrt(17.0) - 2 * cubed, -4 * cubed, 0, 0};
  EXPECT_TENSOR_NEAR(layer.backward({1, 0, 0, 0})[0], gradient, kRounding);
}

TEST(ReferenceDropout, TrainingAppliesTheSharedMaskBothWays) {
  const Network network = NetworkBuilder({.height = 1, .width = 3, .channels = 2}).add(Dropout{0.5f}).build();
  KernelHarness layer(network, {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}});
  const std::vector<std::uint64_t> numbers{42, 7};
  layer.pass().seed = 5;
  layer.pass().epoch = 3;
  layer.pass().numbers = numbers;

  Tensor expected;
  for (const std::uint64_t number : numbers) {
    std::vector<float> factors(6);
    dropout_factors({.seed = 5, .epoch = 3, .sample = number, .layer = 0}, 0.5f, factors);
    for (const float factor : factors) expected.push_back(factor * static_cast<double>(expected.size() + 1));
  }
  EXPECT_EQ(layer.forward(), expected);
  EXPECT_EQ(layer.backward({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})[0], expected);
}

TEST(ReferenceDropout, InferenceKeepsEverything) {
  const Network network = NetworkBuilder({.height = 1, .width = 2, .channels = 2}).add(Dropout{0.5f}).build();
  KernelHarness layer(network, {{1, 2, 3, 4}});

  EXPECT_THAT(layer.forward(Mode::inference), ElementsAre(1, 2, 3, 4));
}

}  // namespace
}  // namespace annulus::trainer::reference
