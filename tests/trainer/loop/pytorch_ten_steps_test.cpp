// Ten training steps against PyTorch: forward, backward, the tree over shards, the update. The values and the
// script that made them are in tests/trainer/loop/pytorch_ten_steps.{json,py}.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "comm/host/gradient_reducer.hpp"
#include "tests/support/peer_values.hpp"
#include "tests/support/replica_harness.hpp"
#include "tests/support/source_dir.hpp"
#include "trainer/loop/optimizer.hpp"
#include "trainer/model/network_builder.hpp"

namespace annulus::trainer {
namespace {

constexpr std::int64_t kBatch = 16;
constexpr std::int64_t kShards = 2;

using test::peer_value;

Network ten_step_network() {
  return NetworkBuilder({.height = 8, .width = 8, .channels = 3})
      .conv2d({.filters = 6, .kernel = {3, 3}, .padding_mode = PaddingMode::same},
              {.activation = Activation::relu})
      .add(Pool2d{})
      .conv2d({.filters = 8, .kernel = {3, 3}, .padding_mode = PaddingMode::same},
              {.activation = Activation::relu})
      .add(Pool2d{})
      .flatten()
      .dense({.units = 12}, {.activation = Activation::relu})
      .dense({.units = 5}, {.activation = Activation::softmax})
      .build();
}

/// Initial parameters: stream = number of the tensor, scaled as in the script's table.
test::ParameterValues initial_parameters(const Network& network) {
  const std::vector<float> scales{0.30f, 0.1f, 0.25f, 0.1f, 0.30f, 0.1f, 0.50f, 0.1f};
  test::ParameterValues values(network.layers.size());
  std::uint32_t stream = 0;
  for (std::size_t layer = 0; layer < network.layers.size(); ++layer) {
    for (const Parameter& parameter : network.layers[layer].parameters) {
      std::vector<float> tensor(element_count(parameter.extents));
      for (std::size_t i = 0; i < tensor.size(); ++i)
        tensor[i] = scales[stream] * peer_value(stream, static_cast<std::uint32_t>(i));
      values[layer].push_back(tensor);
      ++stream;
    }
  }
  return values;
}

/// One step's images in the replica's layout, and its labels.
struct StepData {
  std::vector<float> images;
  std::vector<std::int32_t> labels;
  std::vector<std::uint64_t> numbers;
};

StepData step_data(std::uint32_t step, io::PixelLayout layout) {
  StepData data{.images = std::vector<float>(kBatch * 192)};
  for (std::uint32_t i = 0; i < kBatch; ++i) {
    const std::uint32_t label = (3 * i + step) % 5;
    data.labels.push_back(static_cast<std::int32_t>(label));
    data.numbers.push_back(i);
    for (std::uint32_t pixel = 0; pixel < 64; ++pixel) {
      for (std::uint32_t channel = 0; channel < 3; ++channel) {
        const float brighter = channel == label % 3 ? 0.5f : 0.0f;
        const std::size_t at =
            layout == io::PixelLayout::channels_last ? pixel * 3 + channel : channel * 64 + pixel;
        data.images[i * 192 + at] = peer_value(100 + step, i * 192 + pixel * 3 + channel) + brighter;
      }
    }
  }
  return data;
}

io::Batch batch_of(const StepData& data, std::uint64_t step) {
  io::Batch batch{.epoch = 0, .step = step, .samples = kBatch};
  constexpr std::int64_t kPart = kBatch / kShards;
  for (std::int64_t v = 0; v < kShards; ++v)
    batch.shards.push_back({.index = v,
                            .images = std::span(data.images).subspan(v * kPart * 192, kPart * 192),
                            .labels = std::span(data.labels).subspan(v * kPart, kPart),
                            .samples = std::span(data.numbers).subspan(v * kPart, kPart)});
  return batch;
}

using MakeReplica = std::unique_ptr<Replica> (*)(const Network&, const CompileOptions&);

class PytorchTenSteps : public testing::TestWithParam<MakeReplica> {};

TEST_P(PytorchTenSteps, LossesAndParametersAgree) {
  std::ifstream file(source_dir() + "/tests/trainer/loop/pytorch_ten_steps.json");
  const auto expected = nlohmann::json::parse(file);
  const Network network = ten_step_network();
  const auto replica = GetParam()(network, {.shard_samples = kBatch / kShards});
  test::set_parameters(*replica, initial_parameters(network));
  const auto group = comm::make_serial_group();
  const auto reducer =
      comm::make_reducer(*group, {.elements = gradient_elements(replica->layout()),
                                  .buckets = comm::make_buckets(gradient_sizes(replica->layout()), 256),
                                  .shards = kShards});
  Optimizer optimizer({.learning_rate = 0.1, .momentum = 0.9, .weight_decay = 0.01}, network,
                      replica->layout());

  for (std::uint32_t step = 0; step < 10; ++step) {
    const StepData data = step_data(step, replica->pixel_layout());
    replica->train(batch_of(data, step), *reducer);
    const auto sums = reducer->finish();
    // Float rounding of about 1e-7 a layer and step, against PyTorch in double.
    EXPECT_NEAR(sums[kLossSum] / kBatch, expected["losses"][step].get<double>(), 2e-6) << "step " << step;
    EXPECT_EQ(sums[kCorrectCount], expected["correct"][step].get<float>()) << "step " << step;
    optimizer.update(*replica, {sums.subspan(gradient_offset(replica->layout())), kBatch}, 0.1);
  }

  for (const Segment& segment : replica->layout().trainable) {
    const Layer& layer = network.layers[segment.layer];
    const std::string name = layer.name + "/" + layer.parameters[segment.parameter].name;
    const auto theirs = expected["parameters"][name]["values"].get<std::vector<double>>();
    const auto ours = replica->read(segment, replica->parameters());
    ASSERT_EQ(ours.size(), theirs.size()) << name;
    for (std::size_t i = 0; i < ours.size(); ++i)
      ASSERT_NEAR(ours[i], theirs[i], 2e-6) << name << "[" << i << "]";
  }
}

INSTANTIATE_TEST_SUITE_P(Backends, PytorchTenSteps, testing::Values(make_reference_replica, make_cpu_replica),
                         [](const auto& backend) { return backend.index == 0 ? "reference" : "cpu"; });

}  // namespace
}  // namespace annulus::trainer
