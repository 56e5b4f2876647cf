// What only a played CUDA can show: that nothing allocates or waits once a size is compiled (else the step
// could not be captured as a graph), and what is said when memory runs out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.hpp"

#include "comm/cuda/cuda.hpp"
#include "tests/cuda_emulation/fake_cuda.hpp"
#include "tests/support/oracle_networks.hpp"
#include "tests/support/pattern_source.hpp"
#include "tests/support/replica_harness.hpp"
#include "trainer/backend/contract/cuda_backend.hpp"
#include "trainer/backend/cuda/device_model.hpp"
#include "trainer/loop/optimizer.hpp"
#include "trainer/model/config.hpp"
#include "trainer/model/network_builder.hpp"

namespace annulus::trainer::cuda {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;

class Capture : public testing::TestWithParam<test::OracleNetwork> {};

/// In memory of the device, which is aligned as the model wants it.
comm::DeviceBuffer<float> on_device(const std::vector<float>& values) {
  comm::DeviceBuffer<float> buffer(values.size(), "test");
  std::ranges::copy(values, buffer.get());
  return buffer;
}

TEST_P(Capture, EnqueuingNeitherAllocatesNorWaits) {
  const Network& network = GetParam().network;
  const test::Samples samples = test::random_samples(network, 2, 1);
  const StepScalars scalars{};
  for (const Precision precision : {Precision::float32, Precision::bfloat16}) {
    DeviceModel model(network, {.shard_samples = 2, .predict_samples = 2}, precision);
    model.prepare_predict(2);
    const auto images = on_device(samples.images), vectors = on_device(samples.vectors);
    const comm::DeviceBuffer<float> gradients(gradient_elements(model.layout()), "test");
    const comm::DeviceBuffer<float> probabilities(static_cast<std::size_t>(2 * network.classes()), "test");

    const test::PretendCapture capture;
    EXPECT_NO_THROW(model.parameters_changed(nullptr));
    EXPECT_NO_THROW(model.train({.images = images.get(),
                                 .vectors = vectors.get(),
                                 .labels = samples.labels.data(),
                                 .samples = samples.numbers.data(),
                                 .scalars = &scalars,
                                 .size = 2},
                                gradients.get(), nullptr, [](std::size_t) {}));
    EXPECT_NO_THROW(model.predict(
        {.images = images.get(), .vectors = vectors.get(), .size = 2, .probabilities = probabilities.get()},
        nullptr));
    EXPECT_ANY_THROW(model.prepare_train(1)) << "the pretended capture does not bite";
  }
}

TEST(Memory, ShardThatDoesNotFitIsRefusedWithOneThatMight) {
  const test::PretendMemory memory(std::size_t{20} << 20);
  const Network network = NetworkBuilder({.height = 32, .width = 32, .channels = 3})
                              .conv2d({.filters = 32, .kernel = {3, 3}, .padding_mode = PaddingMode::same})
                              .flatten()
                              .dense({.units = 2})
                              .activate(Activation::softmax)
                              .build();
  try {
    make_cuda_replica(network, {.shard_samples = 128}, Precision::float32);
    ADD_FAILURE() << "128 samples were planned in 20 MiB";
  } catch (const RuntimeError& error) {
    EXPECT_THAT(error.what(), AllOf(ContainsRegex("MB were asked for, .* MB of 21.0 MB are free"),
                                    HasSubstr("Shards of 128 images do not fit"),
                                    HasSubstr("shards of 32 do"), HasSubstr("batch.shards")));
  }
  EXPECT_NO_THROW(make_cuda_replica(network, {.shard_samples = 32}, Precision::float32));
}

/// 128 images of 16 by 16 pixels in 4 shards, most of the memory in activations. A gradient takes 2 KB a
/// unit.
Config large_step(int units, const std::vector<std::string>& overrides) {
  std::string text = R"(
data: {path: unused.h5}
network:
  input: [16, 16, 3]
  layers:
    - conv2d: {filters: 32, kernel: 3, padding: same, activation: relu}
    - max_pool: {size: 4, stride: 4}
    - flatten
    - dense: {units: UNITS, activation: relu}
    - dense: {units: 2, activation: softmax}
batch: {size: 128, shards: 4}
device: {graph: false}
)";
  text.replace(text.find("UNITS"), 5, std::to_string(units));
  return parse_config(text, "test", overrides).config;
}

/// What is said when this much is left beside the replica; empty when it is enough.
std::string engine_beside(const Config& config, std::size_t left) {
  test::PatternSource source(256, config.network.input);
  const auto group = comm::make_serial_group();
  const auto replica = make_cuda_replica(
      config.network, {.shard_samples = config.batch.size / config.batch.shards}, Precision::float32);
  const auto gpus = comm::make_device_group(*group, comm::Transport::nccl);
  Optimizer optimizer(config.optimizer, config.network, replica->layout());
  const comm::ReducerOptions reducer{
      .elements = gradient_elements(replica->layout()),
      .buckets = comm::make_buckets(gradient_sizes(replica->layout()), 1u << 20),
      .shards = config.batch.shards};
  const test::PretendMemory memory(test::used_memory() + left);
  try {
    make_cuda_step_engine({.config = config,
                           .replica = *replica,
                           .state = optimizer.state(),
                           .group = *gpus,
                           .reducer = reducer,
                           .training = source});
  } catch (const RuntimeError& error) {
    return error.what();
  }
  return {};
}

constexpr std::size_t kPlenty = std::size_t{2} << 20;

TEST(Memory, GradientsThatDoNotFitAreRefusedWithShardsThatDo) {
  const Config config = large_step(64, {"data.gpu_mb=0"});
  ASSERT_EQ(engine_beside(config, kPlenty), "");

  // Enough for a shard's images and the next step's, 0.4 MB, but not for three gradients of 0.13 MB beside
  // them.
  const std::string message = engine_beside(config, 500'000);

  EXPECT_THAT(
      message,
      AllOf(ContainsRegex("no room for gradients of a shard: .* MB were asked for, .* are free"),
            HasSubstr("Shards of 32 images"), HasSubstr("shards of 16 do"), HasSubstr("batch.shards to 8")));
}

TEST(Memory, ImagesThatDoNotFitAreRefusedWithShardsThatDo) {
  EXPECT_THAT(
      engine_beside(large_step(4, {"data.gpu_mb=0"}), 60'000),
      AllOf(HasSubstr("no room for the images of a shard"), ContainsRegex("set batch.shards to [0-9]+")));
}

TEST(Memory, WhereNoShardIsSmallEnoughTheImagesMayStayOnTheHost) {
  EXPECT_THAT(engine_beside(large_step(4, {"data.gpu_mb=100000", "batch.shards=128"}), 60'000),
              AllOf(HasSubstr("the training images"), HasSubstr("data.gpu_mb=0")));
}

INSTANTIATE_TEST_SUITE_P(Networks, Capture, testing::ValuesIn(test::oracle_networks()),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace annulus::trainer::cuda
