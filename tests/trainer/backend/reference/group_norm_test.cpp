// Group norm worked out by hand, and as PyTorch computes it.
#include <gmock/gmock.h>

#include <cmath>

#include "tests/support/tensor_matchers.hpp"
#include "tests/trainer/backend/reference/kernel_harness.hpp"

namespace annulus::trainer::reference {
namespace {

using testing::ElementsAre;

constexpr double kRounding = 1e-14;  // a few roundings in double

// Two groups of two channels; epsilon + variance = 4, so that the deviation of the first is 2 exactly.
Network two_groups() {
  return NetworkBuilder({.height = 1, .width = 2, .channels = 4})
      .add(GroupNorm{.groups = 2, .epsilon = 3.0f})
      .build();
}

// Group 0 holds 0, 2, 2, 0 in the first sample (mean 1, biased variance 1) and 10 more in the second; group 1
// holds 5 everywhere.
const Tensor kImages{0, 2, 5, 5, 2, 0, 5, 5, 10, 12, 5, 5, 12, 10, 5, 5};
const std::vector<Tensor> kParameters{{10, 20, 7, 7}, {1, 2, 3, 4}};

TEST(ReferenceGroupNorm, EverySampleAndGroupHasItsOwnStatistics) {
  KernelHarness layer(two_groups(), {kImages}, kParameters);

  // gamma * -+0.5 + beta; the constant group gives its beta. Adding 10 to a sample changes nothing.
  const std::vector<double> sample{-4, 12, 3, 4, 6, -8, 3, 4};
  Tensor expected = sample;
  expected.insert(expected.end(), sample.begin(), sample.end());
  EXPECT_EQ(layer.forward(), expected);
  EXPECT_EQ(layer.forward(Mode::inference), expected);
}

TEST(ReferenceGroupNorm, GradientsByHand) {
  KernelHarness layer(two_groups(), {kImages}, kParameters);
  layer.forward();

  const Tensor dx = layer.backward({1, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})[0];

  // Group 0 of sample 0: g = (10, 0, 0, 0), h = (-0.5, 0.5, 0.5, -0.5), mean(g) = 2.5, mean(g h) = -1.25:
  // dx = (g - 2.5 + 1.25 h) / 2. Group 1: g = (0, 56, 0, 0), h = 0, deviation sqrt(3): (g - 14) / sqrt(3).
  const double root = std::sqrt(3.0);
  const Tensor expected{3.4375, -0.9375, -14 / root, 42 / root, -0.9375, -1.5625, -14 / root, -14 / root,
                        0,      0,       0,          0,         0,       0,       0,          0};
  EXPECT_TENSOR_NEAR(dx, expected, kRounding);
  EXPECT_THAT(layer.node().parameter_gradients[0], ElementsAre(-0.5, 0, 0, 0));
  EXPECT_THAT(layer.node().parameter_gradients[1], ElementsAre(1, 0, 0, 8));
}

// Numbers of torch.nn.GroupNorm(3, 6, eps=0.125).double(), PyTorch 2.15, with
//   x = torch.tensor([(7 * i % 11) / 4 for i in range(24)]).double().reshape(2, 2, 1, 6).permute(0, 3, 1, 2)
//   dy = torch.tensor([5 * i % 7 - 3 for i in range(24)]).double().reshape(2, 2, 1, 6).permute(0, 3, 1, 2)
// weight [1, 2, -1, 0.5, 3, 1] and bias [0, 1, 2, 3, 4, 5], printed as permute(0, 2, 3, 1).flatten(), %.15g.
TEST(ReferenceGroupNorm, AsPyTorch) {
  const Network network = NetworkBuilder({.height = 2, .width = 1, .channels = 6})
                              .add(GroupNorm{.groups = 3, .epsilon = 0.125f})
                              .build();
  Tensor x, dy;
  for (int i = 0; i < 24; ++i) {
    x.push_back(7 * i % 11 / 4.0);
    dy.push_back(5 * i % 7 - 3);
  }
  KernelHarness layer(network, {x}, {{1, 2, -1, 0.5, 3, 1}, {0, 1, 2, 3, 4, 5}});

  const Tensor y{-1.44569962072518, 1.96379974715012, 2.64018439966448,  3.57616595969803,  7.40168025708304,
                 4.62203552699077,  1.03264258623227, 0.862314321835697, 3.15233191939606,  3.32009219983224,
                 5.13389341902768,  3.86610658097232, 1.13389341902768,  0.244071053981546, 0.866106580972319,
                 2.81101776349539,  2.07944680100656, 6.15233191939606,  0.377964473009227, -1.26778683805536,
                 1.62203552699077,  2.43305329048616, 0.543004241811809, 5.64018439966448};
  const Tensor dx{0.595115348274144,  5.30905534381407,   0.957128151629517, -0.596106129523647,
                  9.17913720165266,   -0.539949247156039, -1.0545026346612,  -4.84966805742701,
                  -0.940336429671105, 0.579314407565234,  -12.3108428351577, 3.67165488066106,
                  -0.323969548293623, -4.42758382667952,  1.02590356959647,  0.917913720165266,
                  -2.5355500157203,   -0.352626161126664, 2.91572593464261,  1.83582744033053,
                  -0.539949247156039, -1.4038680426057,   2.401216240053,    0.486959936793965};
  const Tensor dgamma{5.57224311399863,  0.41439931837812,  -6.0843085688844,
                      0.341087472272463, 0.341087472272463, -6.0843085688844};
  constexpr double kPrinted = 1e-14;  // 15 digits
  EXPECT_TENSOR_NEAR(layer.forward(), y, kPrinted);
  EXPECT_TENSOR_NEAR(layer.backward(dy)[0], dx, kPrinted);
  EXPECT_TENSOR_NEAR(layer.node().parameter_gradients[0], dgamma, kPrinted);
  EXPECT_THAT(layer.node().parameter_gradients[1], ElementsAre(0, -1, -2, -3, 3, 2));
}

}  // namespace
}  // namespace annulus::trainer::reference
