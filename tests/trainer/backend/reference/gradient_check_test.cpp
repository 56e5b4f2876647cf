// Reported gradients against differences of the loss, for every kind of layer and a whole network.
#include "tests/support/gradient_check.hpp"

#include <gmock/gmock.h>

#include <ostream>
#include <set>

#include "trainer/model/layer_table.hpp"
#include "trainer/model/network_builder.hpp"

namespace annulus::trainer {
namespace {

const SampleShape kImage{.height = 5, .width = 6, .channels = 4};

struct Case {
  const char* name;
  Network network;
  LossOptions loss = {};
};
void PrintTo(const Case& which, std::ostream* out) { *out << which.name; }

/// A trainable convolution before the layer in question sees the gradient that the layer hands back.
NetworkBuilder before() { return NetworkBuilder(kImage).conv2d({.filters = 4, .kernel = {2, 2}}); }

Network finish(NetworkBuilder builder) {
  return builder.flatten().dense({.units = 3}).activate(Activation::softmax).build();
}

Network whole_network() {
  return NetworkBuilder(kImage)
      .conv2d({.filters = 6, .kernel = {3, 3}, .padding_mode = PaddingMode::same},
              {.activation = Activation::relu, .name = "first"})
      .add(LocalResponseNorm{.size = 3, .alpha = 0.2f})
      .conv2d({.filters = 6, .kernel = {3, 3}, .padding_mode = PaddingMode::same, .groups = 2})
      .add(BatchNorm{}, {.name = "norm"})
      .add(Add{}, {.inputs = {"norm", "first"}})
      .activate(Activation::tanh)
      .add(Pool2d{.kind = PoolKind::max, .size = {3, 3}, .stride = {2, 2}, .padding_mode = PaddingMode::same})
      .add(Dropout{0.25f})
      .flatten()
      .dense({.units = 7}, {.activation = Activation::sigmoid})
      .dense({.units = 3}, {.activation = Activation::softmax})
      .build();
}

std::vector<Case> cases() {
  const Padding uneven{.top = 1, .bottom = 0, .left = 2, .right = 1};
  return {
      {"Dense", NetworkBuilder(kImage).flatten().dense({.units = 5}).dense({.units = 3}).build()},
      {"Convolution", finish(before())},
      {"StridedPaddedConvolution",
       finish(before().conv2d({.filters = 3, .kernel = {3, 2}, .stride = {1, 2}, .padding = uneven}))},
      {"DilatedConvolution", finish(before().conv2d({.filters = 2, .kernel = {2, 3}, .dilation = {3, 2}}))},
      {"GroupedConvolution", finish(before().conv2d({.filters = 6, .kernel = {2, 2}, .groups = 2}))},
      {"MaxPool", finish(before().add(Pool2d{.size = {2, 3}, .stride = {2, 2}}))},
      {"PaddedAveragePool",
       finish(before().add(Pool2d{.kind = PoolKind::average,
                                  .size = {3, 3},
                                  .stride = {2, 2},
                                  .padding = {.top = 1, .bottom = 2, .left = 1, .right = 1}}))},
      {"UnevenConvolution",
       finish(before().conv2d({.filters = 3, .kernel = {3, 2}, .stride = {2, 2}, .padding = {1, 1, 0, 0}}))},
      {"UnevenMaxPool", finish(before().add(Pool2d{.size = {3, 2}, .stride = {2, 2}}))},
      {"UnevenAveragePool",
       finish(before().add(Pool2d{.kind = PoolKind::average, .size = {3, 2}, .stride = {2, 2}}))},
      {"FixedWeights",
       finish(before().conv2d(
           {.filters = 4, .kernel = {2, 2}, .groups = 4, .weights = {{2, 2}, {1, 2, -1, 0.5f}}}))},
      {"Perceptron", NetworkBuilder({.channels = 6, .flat = true}).dense({.units = 3}).build()},
      {"GlobalAveragePool", before().add(GlobalPool{PoolKind::average}).dense({.units = 3}).build()},
      {"GlobalMaxPool", before().add(GlobalPool{PoolKind::max}).dense({.units = 3}).build()},
      {"BatchNorm", finish(before().add(BatchNorm{}))},
      {"BatchNormOfVectors", before()
                                 .flatten()
                                 .dense({.units = 6})
                                 .add(BatchNorm{})
                                 .activate(Activation::tanh)
                                 .dense({.units = 3})
                                 .build()},
      {"LocalResponseNorm", finish(before().add(LocalResponseNorm{.size = 3, .alpha = 0.5f}))},
      {"GroupNorm", finish(before().add(GroupNorm{.groups = 2}))},
      {"GroupNormOfVectors", before()
                                 .flatten()
                                 .dense({.units = 6})
                                 .add(GroupNorm{.groups = 2})
                                 .activate(Activation::tanh)
                                 .dense({.units = 3})
                                 .build()},
      {"Dropout", finish(before().add(Dropout{0.4f}))},
      {"Relu", finish(before().activate(Activation::relu))},
      {"Sigmoid", finish(before().activate(Activation::sigmoid))},
      {"Tanh", finish(before().activate(Activation::tanh))},
      {"ActivationInside",
       finish(before().conv2d({.filters = 3, .kernel = {2, 2}}, {.activation = Activation::tanh}))},
      {"SameInputTwice", finish(before().add(Add{}, {.inputs = {"conv2d", "conv2d"}}))},
      {"CircularPad",
       finish(before().add(CircularPad{.height = 1, .width = 2}).conv2d({.filters = 2, .kernel = {3, 3}}))},
      {"CircularPadByTheWholeImage", finish(before().add(CircularPad{.height = 4, .width = 5}))},
      {"Concat", NetworkBuilder(kImage)
                     .vector_input({"track", 4})
                     .vector_input({"event", 2})
                     .flatten()
                     .dense({.units = 5}, {.name = "rings"})
                     .dense({.units = 3}, {.activation = Activation::tanh, .inputs = {"event"}})
                     .add(Concat{}, {.inputs = {"track", "rings", "dense", "rings", "event"}})
                     .dense({.units = 3})
                     .build()},
      {"WeightsAndSmoothing", finish(before()), {.label_smoothing = 0.2f, .class_weights = {0.5f, 1.5f, 1}}},
      {"WholeNetwork", whole_network()},
  };
}

class GradientCheck : public testing::TestWithParam<Case> {};

// The data are chosen so that no value lies so close to a kink of relu or max pooling that even half a step
// reaches over it; with other seeds an element or two does.
TEST_P(GradientCheck, ReportedGradientsAreSlopesOfTheLoss) {
  const Network& network = GetParam().network;
  const auto replica =
      make_reference_replica(network, {.shard_samples = 3, .loss = GetParam().loss, .seed = 4});

  EXPECT_TRUE(test::gradients_match_differences(*replica, test::random_parameters(network, 31),
                                                test::random_samples(network, 3, 22)));
}

TEST(GradientCheckLoss, OfMixturesAndWeightsOfSamples) {
  const Network network = finish(before());
  const auto replica = make_reference_replica(
      network, {.shard_samples = 3, .loss = {.label_smoothing = 0.2f, .class_weights = {0.5f, 1.5f, 1}}});

  EXPECT_TRUE(test::gradients_match_differences(*replica, test::random_parameters(network, 31),
                                                test::random_mixtures(network, 3, 22)));
}

INSTANTIATE_TEST_SUITE_P(Layers, GradientCheck, testing::ValuesIn(cases()),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(GradientCheckItself, SeesEveryTypeOfLayer) {
  std::set<std::string> missing(layer_types().begin(), layer_types().end());

  for (const Case& which : cases())
    for (const Layer& layer : which.network.layers) missing.erase(layer.type);

  EXPECT_THAT(missing, testing::IsEmpty()) << "types without a network among cases()";
}

/// A replica whose gradients are all a tenth too large: the check has to see it.
class WrongGradients final : public Replica {
 public:
  explicit WrongGradients(std::unique_ptr<Replica> right) : right_(std::move(right)) {}
  const Network& network() const override { return right_->network(); }
  const ArenaLayout& layout() const override { return right_->layout(); }
  io::PixelLayout pixel_layout() const override { return right_->pixel_layout(); }
  WorkerPool& workers() override { return right_->workers(); }
  std::span<float> parameters() override { return right_->parameters(); }
  std::span<float> statistics() override { return right_->statistics(); }
  void train(const io::Batch& batch, comm::GradientReducer& reducer) override {
    right_->train(batch, reducer);
  }
  void predict(const PredictBlock& block) override { right_->predict(block); }
  std::vector<float> read(const Segment& segment, std::span<const float> arena) const override {
    std::vector<float> values = right_->read(segment, arena);
    for (float& value : values) value *= 1.1f;
    return values;
  }
  void write(const Segment& segment, std::span<const float> values, std::span<float> arena) const override {
    right_->write(segment, values, arena);
  }
  void set_checks(ValueChecks checks) override { right_->set_checks(checks); }
  const char* kind() const override { return right_->kind(); }
  std::string describe() const override { return right_->describe(); }

 private:
  std::unique_ptr<Replica> right_;
};

TEST(GradientCheckItself, SeesATenthTooMuchAndNamesTheElement) {
  const Network network = finish(before());
  WrongGradients replica(make_reference_replica(network, {.shard_samples = 3}));

  const testing::AssertionResult result = test::gradients_match_differences(
      replica, test::random_parameters(network, 31), test::random_samples(network, 3, 22));

  EXPECT_FALSE(result);
  EXPECT_THAT(result.message(), testing::HasSubstr("dense/kernel[0]: reported "));
}

}  // namespace
}  // namespace annulus::trainer
