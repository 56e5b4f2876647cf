// Networks whose windows leave pixels over against PyTorch and Keras: inference, and a training step's loss
// and gradients. The values and the script that made them are in tests/trainer/backend/peer_shapes.{json,py}.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/support/peer_values.hpp"
#include "tests/support/replica_harness.hpp"
#include "tests/support/source_dir.hpp"
#include "trainer/model/network_builder.hpp"

namespace annulus::trainer {
namespace {

constexpr std::int64_t kSamples = 3;
constexpr std::int64_t kClasses = 4;
constexpr std::uint32_t kImages = 50;  // stream of the images
constexpr std::size_t kEvery = 29;     // values of a gradient in the file
// float against double: sums of up to a few hundred products, a batch norm and several layers.
constexpr double kTolerance = 1e-5;

Network resnet() {
  const auto norm = [](const char* name) { return LayerOptions{.name = name}; };
  const BatchNorm batch_norm{.momentum = 0.9f, .epsilon = 1e-5f};
  const Padding one{1, 1, 1, 1}, three{3, 3, 3, 3};
  return NetworkBuilder({.height = 30, .width = 28, .channels = 3})
      .conv2d({.filters = 16, .kernel = {7, 7}, .stride = {2, 2}, .padding = three, .bias = false},
              {.name = "conv1"})
      .add(batch_norm, norm("bn1"))
      .activate(Activation::relu)
      .add(Pool2d{.size = {3, 3}, .stride = {2, 2}, .padding = one}, {.name = "pool"})
      .conv2d({.filters = 20, .kernel = {3, 3}, .stride = {2, 2}, .padding = one, .bias = false},
              {.name = "conv2"})
      .add(batch_norm, norm("bn2"))
      .activate(Activation::relu)
      .conv2d({.filters = 20, .kernel = {3, 3}, .padding = one, .bias = false}, {.name = "conv3"})
      .add(batch_norm, norm("bn3"))
      .conv2d({.filters = 20, .stride = {2, 2}, .bias = false}, {.name = "downsample", .inputs = {"pool"}})
      .add(batch_norm, norm("bn4"))
      .add(Add{}, {.inputs = {"bn3", "bn4"}})
      .activate(Activation::relu)
      .add(GlobalPool{PoolKind::average})
      .dense({.units = kClasses}, {.activation = Activation::softmax})
      .build();
}

Network keras_mnist() {
  const LayerOptions relu{.activation = Activation::relu};
  return NetworkBuilder({.height = 13, .width = 14, .channels = 1})
      .conv2d({.filters = 16, .kernel = {3, 3}}, relu)
      .add(Pool2d{})
      .conv2d({.filters = 32, .kernel = {3, 3}}, relu)
      .add(Pool2d{})
      .flatten()
      .dense({.units = kClasses}, {.activation = Activation::softmax})
      .build();
}

/// tensor() of the script.
std::vector<float> tensor(std::uint32_t stream, std::size_t count, float scale, float offset) {
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i)
    values[i] = test::peer_value(stream, static_cast<std::uint32_t>(i)) * scale + offset;
  return values;
}

test::ParameterValues parameters_of(const Network& network) {
  test::ParameterValues values;
  std::uint32_t stream = 0;
  for (const Layer& layer : network.layers) {
    auto& tensors = values.emplace_back();
    for (const Parameter& parameter : layer.parameters) {
      const bool around_one = parameter.name == "gamma" || parameter.name == "moving_variance";
      const double fan_in = static_cast<double>(parameter.fan_in);
      const float scale = parameter.decays ? static_cast<float>(std::sqrt(3.0 / fan_in)) : 0.5f;
      tensors.push_back(tensor(stream++, static_cast<std::size_t>(element_count(parameter.extents)), scale,
                               around_one ? 1.0f : 0.0f));
    }
  }
  return values;
}

test::Samples samples_of(const Network& network) {
  test::Samples samples;
  samples.images = tensor(kImages, static_cast<std::size_t>(kSamples * network.input.size()), 1.0f, 0.0f);
  for (std::int64_t i = 0; i < kSamples; ++i) {
    samples.labels.push_back(static_cast<std::int32_t>(i % kClasses));
    samples.numbers.push_back(static_cast<std::uint64_t>(i));
  }
  return samples;
}

void expect_gradient(const std::vector<float>& ours, const nlohmann::json& theirs) {
  const double norm = theirs["norm"];
  double squares = 0;
  for (const float value : ours) squares += std::pow(value / kSamples, 2);
  EXPECT_NEAR(std::sqrt(squares), norm, kTolerance * norm);
  ASSERT_EQ(theirs["values"].size(), (ours.size() + kEvery - 1) / kEvery);
  for (std::size_t i = 0; i < theirs["values"].size(); ++i)
    EXPECT_NEAR(ours[i * kEvery] / kSamples, theirs["values"][i].get<double>(), kTolerance * norm)
        << i * kEvery;
}

using MakeReplica = std::unique_ptr<Replica> (*)(const Network&, const CompileOptions&);

class PeerShapes : public testing::TestWithParam<MakeReplica> {
 protected:
  static void expect_equal(const Network& network, const std::string& name) {
    std::ifstream file(source_dir() + "/tests/trainer/backend/peer_shapes.json");
    const nlohmann::json expected = nlohmann::json::parse(file)[name];
    const auto replica = GetParam()(network, {.shard_samples = kSamples, .predict_samples = kSamples});
    test::set_parameters(*replica, parameters_of(network));
    const test::Samples samples = samples_of(network);

    const std::vector<float> probabilities = test::predict(*replica, samples, kSamples);
    const test::ShardOutcome outcome = test::run_shard(*replica, samples);

    ASSERT_EQ(expected["probabilities"].size(), probabilities.size());
    for (std::size_t i = 0; i < probabilities.size(); ++i)
      EXPECT_NEAR(probabilities[i], expected["probabilities"][i].get<double>(), kTolerance) << i;
    EXPECT_NEAR(outcome.loss / kSamples, expected["loss"].get<double>(), kTolerance);
    std::size_t compared = 0;
    for (std::size_t l = 0; l < network.layers.size(); ++l)
      for (std::size_t p = 0; p < network.layers[l].parameters.size(); ++p) {
        const Parameter& parameter = network.layers[l].parameters[p];
        if (!parameter.trainable) continue;
        const std::string full = network.layers[l].name + "/" + parameter.name;
        SCOPED_TRACE(full);
        ASSERT_TRUE(expected["gradients"].contains(full));
        expect_gradient(outcome.gradients[l][p], expected["gradients"][full]);
        ++compared;
      }
    EXPECT_EQ(compared, expected["gradients"].size());
  }
};

TEST_P(PeerShapes, BeginningOfAResNetIsThatOfPyTorch) {
  const Network network = resnet();
  EXPECT_EQ(network.layers[0].left_over, (LeftOver{.padding_rows = 1, .padding_columns = 1}));
  EXPECT_EQ(network.layers[3].left_over, (LeftOver{.padding_columns = 1}));
  EXPECT_EQ(network.layers[4].left_over, (LeftOver{.padding_rows = 1}));
  EXPECT_EQ(network.layers[9].left_over, (LeftOver{.rows = 1}));

  expect_equal(network, "resnet");
}

TEST_P(PeerShapes, MnistExampleIsThatOfKeras) {
  const Network network = keras_mnist();
  EXPECT_EQ(network.layers[1].left_over, (LeftOver{.rows = 1}));
  EXPECT_EQ(network.layers[3].left_over, (LeftOver{.rows = 1}));

  expect_equal(network, "keras_mnist");
}

INSTANTIATE_TEST_SUITE_P(Backends, PeerShapes, testing::Values(make_reference_replica, make_cpu_replica),
                         [](const auto& backend) { return backend.index == 0 ? "reference" : "cpu"; });

}  // namespace
}  // namespace annulus::trainer
