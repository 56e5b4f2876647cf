// Ten steps with a batch norm over the step against PyTorch's BatchNorm2d over the whole batch, however the
// batch is cut. The values and the script that made them are in
// tests/trainer/loop/pytorch_batch_norm.{json,py}.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "comm/host/gradient_reducer.hpp"
#include "tests/support/replica_harness.hpp"
#include "tests/support/source_dir.hpp"
#include "trainer/loop/optimizer.hpp"
#include "trainer/model/network_builder.hpp"

namespace annulus::trainer {
namespace {

constexpr std::int64_t kBatch = 16;
constexpr int kSteps = 10;
// Float rounding of about 1e-7 a layer and step, against PyTorch in double; the division by the deviation
// enlarges it.
constexpr double kTolerance = 1e-5;

/// value() of pytorch_ten_steps.py: in [-1, 1], exact in float.
float value(std::uint32_t stream, std::uint32_t index) {
  std::uint32_t x = stream * 0x9E3779B9u + index * 0x85EBCA6Bu + 1;
  x = (x ^ (x >> 16)) * 0x7FEB352Du;
  x = (x ^ (x >> 15)) * 0x846CA68Bu;
  x ^= x >> 16;
  return static_cast<float>(x >> 16) / 32768.0f - 1.0f;
}

Network norm_network(StatisticsOf statistics) {
  return NetworkBuilder({.height = 8, .width = 8, .channels = 3})
      .conv2d({.filters = 6, .kernel = {3, 3}, .padding_mode = PaddingMode::same, .bias = false})
      .add(BatchNorm{.momentum = 0.9f, .epsilon = 1e-3f, .statistics = statistics})
      .activate(Activation::relu)
      .add(Pool2d{})
      .flatten()
      .dense({.units = 5}, {.activation = Activation::softmax})
      .build();
}

/// Trainable ones as the script's table has them: scale and offset by stream.
test::ParameterValues initial_parameters(const Network& network) {
  const std::vector<std::pair<float, float>> rows{{0.3f, 0}, {0.5f, 1}, {0.5f, 0}, {0.3f, 0}, {0.1f, 0}};
  test::ParameterValues values(network.layers.size());
  std::uint32_t stream = 0;
  for (std::size_t layer = 0; layer < network.layers.size(); ++layer)
    for (const Parameter& parameter : network.layers[layer].parameters) {
      std::vector<float> tensor(element_count(parameter.extents));
      for (std::size_t i = 0; i < tensor.size(); ++i)
        if (parameter.trainable)
          tensor[i] = rows[stream].first * value(stream, static_cast<std::uint32_t>(i)) + rows[stream].second;
        else
          tensor[i] = parameter.name == "moving_variance" ? 1.0f : 0.0f;
      values[layer].push_back(tensor);
      stream += parameter.trainable ? 1 : 0;
    }
  return values;
}

/// A step's batch, cut into equal shards.
std::vector<test::Samples> shards_of(std::uint32_t step, std::int64_t shards) {
  const std::int64_t part = kBatch / shards;
  std::vector<test::Samples> all(static_cast<std::size_t>(shards));
  for (std::uint32_t i = 0; i < kBatch; ++i) {
    test::Samples& samples = all[i / static_cast<std::uint32_t>(part)];
    const std::uint32_t label = (3 * i + step) % 5;
    samples.labels.push_back(static_cast<std::int32_t>(label));
    samples.numbers.push_back(i);
    for (std::uint32_t k = 0; k < 192; ++k)
      samples.images.push_back(value(100 + step, i * 192 + k) + (k % 3 == label % 3 ? 0.5f : 0.0f));
  }
  return all;
}

using MakeReplica = std::unique_ptr<Replica> (*)(const Network&, const CompileOptions&);

struct Trained {
  std::vector<double> losses;
  std::unique_ptr<Replica> replica;
};

Trained train(MakeReplica make, StatisticsOf statistics, std::int64_t shards) {
  const Network network = norm_network(statistics);
  Trained result{.replica = make(network, {.shard_samples = kBatch / shards, .threads = 2})};
  Replica& replica = *result.replica;
  test::set_parameters(replica, initial_parameters(network));
  const auto group = comm::make_serial_group();
  const ArenaLayout& layout = replica.layout();
  const auto reducer = comm::make_reducer(*group, {.elements = gradient_elements(layout),
                                                   .buckets = comm::make_buckets(gradient_sizes(layout), 256),
                                                   .shards = shards});
  const std::size_t elements = std::max<std::size_t>(replica.step_sum_elements(), 1);
  const auto sums =
      comm::make_reducer(*group, {.elements = elements, .buckets = {{0, elements}}, .shards = shards});
  replica.set_step_sums(sums.get());
  Optimizer optimizer({.learning_rate = 0.1, .momentum = 0.9, .weight_decay = 0.01}, network, layout);
  for (std::uint32_t step = 0; step < kSteps; ++step) {
    test::train_shards(replica, *reducer, shards_of(step, shards));
    const auto all = reducer->finish();
    result.losses.push_back(static_cast<double>(all[kLossSum]) / kBatch);
    optimizer.update(replica, {all.subspan(gradient_offset(layout)), kBatch}, 0.1);
    update_statistics(replica, all.subspan(kGradientHead, layout.statistics_count), kBatch);
  }
  replica.set_step_sums(nullptr);
  return result;
}

nlohmann::json expected_values() {
  std::ifstream file(source_dir() + "/tests/trainer/loop/pytorch_batch_norm.json");
  return nlohmann::json::parse(file);
}

class PytorchBatchNorm : public testing::TestWithParam<MakeReplica> {};

TEST_P(PytorchBatchNorm, LossesParametersAndMovingAveragesAgreeForAnyNumberOfShards) {
  const nlohmann::json expected = expected_values();
  for (const std::int64_t shards : {1, 2, 8}) {
    SCOPED_TRACE(testing::Message() << shards << " shards");
    const Trained trained = train(GetParam(), StatisticsOf::step, shards);

    for (std::size_t step = 0; step < kSteps; ++step)
      EXPECT_NEAR(trained.losses[step], expected["losses"][step].get<double>(), kTolerance) << step;
    Replica& replica = *trained.replica;
    const auto compare = [&](const std::vector<Segment>& segments, std::span<const float> arena) {
      for (const Segment& segment : segments) {
        const Layer& layer = replica.network().layers[segment.layer];
        const std::string name = layer.name + "/" + layer.parameters[segment.parameter].name;
        const auto theirs = expected["parameters"][name].get<std::vector<double>>();
        const auto ours = replica.read(segment, arena);
        ASSERT_EQ(ours.size(), theirs.size()) << name;
        for (std::size_t i = 0; i < ours.size(); ++i)
          ASSERT_NEAR(ours[i], theirs[i], kTolerance) << name << "[" << i << "]";
      }
    };
    compare(replica.layout().trainable, replica.parameters());
    compare(replica.layout().statistics, replica.statistics());
  }
}

TEST_P(PytorchBatchNorm, StatisticsOfAShardAreNotThoseOfTheBatch) {
  const nlohmann::json expected = expected_values();

  const Trained trained = train(GetParam(), StatisticsOf::shard, 8);

  EXPECT_GT(std::abs(trained.losses.back() - expected["losses"].back().get<double>()), 1e-3);
}

INSTANTIATE_TEST_SUITE_P(Backends, PytorchBatchNorm,
                         testing::Values(make_reference_replica, make_cpu_replica),
                         [](const auto& backend) { return backend.index == 0 ? "reference" : "cpu"; });

}  // namespace
}  // namespace annulus::trainer
