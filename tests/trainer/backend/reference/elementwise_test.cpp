// Dense, activations, add, flatten and the loss, worked out by hand.
#include <gmock/gmock.h>

#include <cmath>

#include "tests/support/tensor_matchers.hpp"
#include "tests/trainer/backend/reference/kernel_harness.hpp"
#include "trainer/backend/reference/activation.hpp"
#include "trainer/backend/reference/softmax_loss.hpp"

namespace annulus::trainer::reference {
namespace {

using testing::ElementsAre;

constexpr double kRounding = 1e-14;  // a few roundings in double
const SampleShape kPair{.height = 1, .width = 1, .channels = 2};

TEST(ReferenceDense, MultipliesAndAddsTheBias) {
  const Network network = NetworkBuilder(kPair).flatten().dense({.units = 3}).build();
  KernelHarness layer(network, {{1, 2, 3, 4}}, {{1, 2, 3, 10, 20, 30}, {0.5, 0, -1}});

  EXPECT_THAT(layer.forward(), ElementsAre(21.5, 42, 62, 43.5, 86, 128));
  EXPECT_THAT(layer.backward({1, 0, 1, 0, 2, 0})[0], ElementsAre(4, 40, 4, 40));
  EXPECT_THAT(layer.node().parameter_gradients[0], ElementsAre(1, 6, 1, 2, 8, 2));
  EXPECT_THAT(layer.node().parameter_gradients[1], ElementsAre(1, 2, 1));
}

TEST(ReferenceFlatten, KeepsTheOrderOfChannelsLast) {
  const Network network = NetworkBuilder({.height = 1, .width = 2, .channels = 2}).flatten().build();
  KernelHarness layer(network, {{1, 2, 3, 4}});

  EXPECT_THAT(layer.forward(), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(layer.backward({5, 6, 7, 8})[0], ElementsAre(5, 6, 7, 8));
}

TEST(ReferenceAdd, GivesEveryInputTheWholeGradient) {
  const Network network = NetworkBuilder(kPair)
                              .activate(Activation::relu, {.name = "left"})
                              .add(Add{}, {.inputs = {"left", "input"}})
                              .build();
  KernelHarness layer(network, {{1, 2}, {10, 20}});

  EXPECT_THAT(layer.forward(), ElementsAre(11, 22));
  EXPECT_THAT(layer.backward({3, 4}), ElementsAre(ElementsAre(3, 4), ElementsAre(3, 4)));
}

TEST(ReferenceActivation, ReluCutsAtZeroAndHasNoSlopeThere) {
  KernelHarness layer(NetworkBuilder({.channels = 3}).activate(Activation::relu).build(), {{-2, 0, 3}});

  EXPECT_THAT(layer.forward(), ElementsAre(0, 0, 3));
  EXPECT_THAT(layer.backward({5, 6, 7})[0], ElementsAre(0, 0, 7));
}

TEST(ReferenceActivation, ReluLetsNanThroughToTheValueCheck) {
  Tensor values{std::nan("")};

  activate(Activation::relu, values);

  EXPECT_TRUE(std::isnan(values[0]));
}

TEST(ReferenceActivation, SigmoidAndTanh) {
  // sigmoid(ln 3) = 3/4 with slope 3/16; tanh(ln 2) = (2 - 1/2) / (2 + 1/2) = 3/5 with slope 16/25.
  KernelHarness sigmoid(NetworkBuilder(kPair).activate(Activation::sigmoid).build(), {{std::log(3.0), 0}});
  KernelHarness tanh(NetworkBuilder(kPair).activate(Activation::tanh).build(), {{std::log(2.0), 0}});

  EXPECT_TENSOR_NEAR(sigmoid.forward(), (Tensor{0.75, 0.5}), kRounding);
  EXPECT_TENSOR_NEAR(sigmoid.backward({16, 4})[0], (Tensor{3, 1}), kRounding);
  EXPECT_TENSOR_NEAR(tanh.forward(), (Tensor{0.6, 0}), kRounding);
  EXPECT_TENSOR_NEAR(tanh.backward({25, 4})[0], (Tensor{16, 4}), kRounding);
}

TEST(ReferenceLoss, ProbabilitiesOfEachSample) {
  Tensor values{0, std::log(3.0), 1000, 1000};

  softmax(2, values);

  EXPECT_TENSOR_NEAR(values, (Tensor{0.25, 0.75, 0.5, 0.5}), kRounding);
}

TEST(ReferenceLoss, CrossEntropyOfTheSoftmax) {
  // Softmax of (0, ln 3) is (1/4, 3/4).
  const std::vector<std::int32_t> labels{1, 0};
  const LossResult loss = softmax_loss({0, std::log(3.0), 0, std::log(3.0)}, {labels}, {});

  EXPECT_NEAR(loss.sum, -std::log(0.75) - std::log(0.25), kRounding);
  EXPECT_EQ(loss.correct, 1);
  EXPECT_TENSOR_NEAR(loss.gradient, (Tensor{0.25, -0.25, -0.75, 0.75}), kRounding);
}

TEST(ReferenceLoss, WeightsAndSmoothing) {
  const std::vector<std::int32_t> labels{1};
  const LossResult loss =
      softmax_loss({0, std::log(3.0)}, {labels}, {.label_smoothing = 0.5f, .class_weights = {100, 2}});

  // The label's weight counts, 2; targets are 0.25 and 0.75, exactly the probabilities: no gradient left.
  EXPECT_NEAR(loss.sum, -2 * (0.25 * std::log(0.25) + 0.75 * std::log(0.75)), kRounding);
  EXPECT_NEAR(loss.gradient[0], 0, kRounding);
  EXPECT_NEAR(loss.gradient[1], 0, kRounding);
}

/// PyTorch 2.15.0 in float64: sum over i of l_i w_i c[y_i] CE(x_i, y_i) + (1 - l_i) w_j c[y_j] CE(x_i, y_j),
/// j the next sample, with CE = F.cross_entropy(..., reduction="none", label_smoothing=0.2), and its
/// gradient.
TEST(ReferenceLoss, OfMixturesWithWeightsAndSmoothingAsInPyTorch) {
  const Tensor logits{0.5, -1, 2, 0.25, 1.5, 0.75, -0.5, -2, -1.25, 0, 1, 3};
  const std::vector<std::int32_t> labels{2, 1, 0};
  const std::vector<float> weights{1, 0.25f, 3}, shares{0.75f, 0.375f, 1};

  const LossResult loss =
      softmax_loss(logits, {labels, weights, shares},
                   {.label_smoothing = 0.2f, .class_weights = {0.5f, 2, 1, 1.5f}, .top_k = 2});

  constexpr double kFloatSmoothing = 1e-7;  // 0.2 as a float
  EXPECT_NEAR(loss.sum, 7.98217575871561, kFloatSmoothing * 10);
  EXPECT_TENSOR_NEAR(loss.gradient,
                     (Tensor{0.091205472124, -0.113637363892, -0.038921535601, 0.06135342737, -0.119394553294,
                             0.118197539592, 0.036705776423, -0.03550876272, -1.257160588486, -0.012734335656,
                             0.094255623922, 1.17563930022}),
                     kFloatSmoothing);
  // Labels counted: 2, then 0 of the next sample, whose share is larger, then 0: two are the largest output.
  EXPECT_EQ(loss.correct, 2);
  EXPECT_EQ(loss.top, 2);
}

TEST(ReferenceLoss, StaysFiniteWhenAProbabilityVanishes) {
  const std::vector<std::int32_t> labels{0};

  const LossResult loss = softmax_loss({-2000, 2000}, {labels}, {});

  EXPECT_DOUBLE_EQ(loss.sum, 4000);
  EXPECT_THAT(loss.gradient, ElementsAre(-1, 1));
}

TEST(ReferenceLoss, FirstOfEqualMaximaIsThePrediction) {
  EXPECT_EQ(softmax_loss({1, 1}, {std::vector<std::int32_t>{0}}, {}).correct, 1);
  EXPECT_EQ(softmax_loss({1, 1}, {std::vector<std::int32_t>{1}}, {}).correct, 0);
}

TEST(ReferenceLoss, LabelsAmongTheKLargestCount) {
  const auto top = [](Tensor logits, std::int32_t label, int k) {
    return softmax_loss(logits, {std::vector<std::int32_t>{label}}, {.top_k = k}).top;
  };
  const Tensor logits{0, 3, 1, 2};

  EXPECT_EQ(top(logits, 2, 2), 0) << "it is the third";
  EXPECT_EQ(top(logits, 2, 3), 1);
  EXPECT_EQ(top(logits, 1, 1), 1);
  EXPECT_EQ(top(logits, 1, 0), 0) << "nobody asks";
  EXPECT_EQ(top({1, 1, 1}, 1, 1), 0) << "of equal ones the lower number comes first";
  EXPECT_EQ(top({1, 1, 1}, 1, 2), 1);
}

}  // namespace
}  // namespace annulus::trainer::reference
