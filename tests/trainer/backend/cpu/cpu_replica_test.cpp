// What the CPU backend promises beside the right numbers: independence of threads, exact conversion of
// layouts, clean padding, and errors that name what is wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "base/error.hpp"
#include "tests/support/random_tensor.hpp"
#include "tests/support/recording_reducer.hpp"
#include "tests/support/replica_harness.hpp"
#include "trainer/model/network_builder.hpp"

namespace annulus::trainer {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

/// Blocked layouts with padded channels, both convolution algorithms, batch norm, dropout, a residual sum.
Network mixed_network() {
  NetworkBuilder net({.height = 10, .width = 10, .channels = 3});
  net.conv2d({.filters = 20, .kernel = {3, 3}, .padding_mode = PaddingMode::same},
             {.activation = Activation::relu});
  net.conv2d({.filters = 20, .kernel = {3, 3}, .padding_mode = PaddingMode::same}, {.name = "first"});
  net.add(BatchNorm{}).activate(Activation::relu);
  net.conv2d({.filters = 20, .kernel = {3, 3}, .padding_mode = PaddingMode::same}, {.name = "second"});
  net.add(Add{}, {.inputs = {"first", "second"}}).activate(Activation::relu).add(Pool2d{});
  net.add(Dropout{0.3f}).flatten().dense({.units = 18}, {.activation = Activation::relu, .name = "hidden"});
  return net.add(Dropout{0.5f}).dense({.units = 4}, {.name = "logits"}).activate(Activation::softmax).build();
}

std::unique_ptr<Replica> make_replica(const Network& network, const CompileOptions& options) {
  auto replica = make_cpu_replica(network, options);
  test::set_parameters(*replica, test::random_parameters(network, 5));
  return replica;
}

std::vector<test::Samples> some_shards(const Network& network, const std::vector<std::int64_t>& sizes) {
  std::vector<test::Samples> shards;
  for (std::size_t i = 0; i < sizes.size(); ++i)
    shards.push_back(sizes[i] ? test::random_samples(network, sizes[i], i + 1) : test::Samples{});
  return shards;
}

TEST(CpuReplica, GivesTheSameBitsOnAnyNumberOfThreads) {
  const Network network = mixed_network();
  const auto shards = some_shards(network, {4, 4, 4, 3, 0});
  auto alone = make_replica(network, {.shard_samples = 4, .seed = 3, .threads = 1});
  auto three = make_replica(network, {.shard_samples = 4, .seed = 3, .threads = 3});

  for (int step = 0; step < 3; ++step) {
    const auto expected = test::run_step(*alone, shards, 1);
    const auto actual = test::run_step(*three, shards, 1);

    for (std::size_t v = 0; v < shards.size(); ++v) {
      EXPECT_EQ(actual[v].loss, expected[v].loss);
      EXPECT_EQ(actual[v].gradients, expected[v].gradients);
    }
  }
}

TEST(CpuReplica, AShardDoesNotDependOnWhatRanBefore) {
  const Network network = mixed_network();
  auto replica = make_replica(network, {.shard_samples = 6, .seed = 3});
  const test::Samples shard = test::random_samples(network, 6, 1);
  const test::ShardOutcome expected = test::run_shard(*replica, shard);

  for (const std::int64_t samples : {1, 2, 3, 4, 5, 1})  // more tails than programs are kept
    test::run_shard(*replica, test::random_samples(network, samples, 9));
  test::predict(*replica, shard, 6);

  EXPECT_EQ(test::run_shard(*replica, shard).gradients, expected.gradients);
}

TEST(CpuReplica, ConvertsParametersExactly) {
  const Network network = mixed_network();
  auto replica = make_cpu_replica(network, {.shard_samples = 2});
  std::uint64_t seed = 0;

  for (const Segment& segment : replica->layout().trainable) {
    const Layer& layer = network.layers[static_cast<std::size_t>(segment.layer)];
    const auto& extents = layer.parameters[static_cast<std::size_t>(segment.parameter)].extents;
    const auto values = test::random_floats(static_cast<std::size_t>(element_count(extents)), ++seed);
    replica->write(segment, values, replica->parameters());

    EXPECT_EQ(replica->read(segment, replica->parameters()), values) << layer.name;
    EXPECT_EQ(segment.offset % 16, 0u);
  }
}

TEST(CpuReplica, RefusesValuesOfAnotherShape) {
  auto replica = make_cpu_replica(mixed_network(), {.shard_samples = 2});
  const Segment segment = replica->layout().trainable.front();
  const std::vector<float> values(3);

  EXPECT_THAT(
      [&] { replica->write(segment, values, replica->parameters()); },
      ThrowsMessage<RuntimeError>(AllOf(HasSubstr("3 values"), HasSubstr("logits/kernel, which has 72"))));
}

TEST(CpuReplica, PaddingOfGradientsIsZero) {
  const Network network = mixed_network();
  auto replica = make_replica(network, {.shard_samples = 4});
  const test::Samples shard = test::random_samples(network, 4, 1);
  test::RecordingReducer reducer(replica->layout(), {0, 1});
  const std::vector<float> images = test::random_floats(shard.images.size(), 2);

  replica->train({.samples = 4, .shards = {{0, images, shard.labels, shard.numbers}}}, reducer);

  ASSERT_EQ(reducer.complaints(), "");
  EXPECT_GT(reducer.progress_calls(), 0);
  const std::span<const float> gradients =
      std::span(reducer.gradients(0)).subspan(gradient_offset(replica->layout()));
  std::vector<float> rewritten(replica->layout().trainable_count, 0.0f);
  for (const Segment& segment : replica->layout().trainable)  // write() puts zeros into all padding
    replica->write(segment, replica->read(segment, gradients), rewritten);
  EXPECT_TRUE(std::equal(rewritten.begin(), rewritten.end(), gradients.begin()));
}

TEST(CpuReplica, PredictsBlocksOnAllThreadsAsOneByOne) {
  const Network network = mixed_network();
  auto replica = make_replica(network, {.shard_samples = 2, .predict_samples = 5, .threads = 2});
  const std::size_t size = static_cast<std::size_t>(network.input.size());
  const auto images = test::random_floats(13 * size, 1);
  std::vector<float> together(13 * 4), single(13 * 4);
  std::vector<PredictBlock> blocks;

  for (std::size_t begin = 0; begin < 13; begin += 5) {
    const std::size_t n = std::min<std::size_t>(5, 13 - begin);
    const auto part = std::span<const float>(images).subspan(begin * size, n * size);
    blocks.push_back({.images = part,
                      .samples = static_cast<std::int64_t>(n),
                      .probabilities = std::span(together).subspan(begin * 4, n * 4)});
    PredictBlock alone = blocks.back();
    alone.probabilities = std::span(single).subspan(begin * 4, n * 4);
    replica->predict(alone);
  }
  replica->predict_blocks(blocks);

  EXPECT_EQ(together, single);
}

TEST(CpuReplica, MaxPoolTiesTakeTheFirstElement) {
  NetworkBuilder net({.height = 2, .width = 2, .channels = 1});
  net.conv2d({.filters = 16, .kernel = {1, 1}}, {.name = "scale"}).add(Pool2d{}).flatten();
  const Network network = net.dense({.units = 2}, {.name = "out"}).activate(Activation::softmax).build();
  auto reference = make_reference_replica(network, {.shard_samples = 1});
  auto cpu = make_cpu_replica(network, {.shard_samples = 1});
  auto values = test::random_parameters(network, 2);
  values[0][0].assign(16, 0.0f);  // all four pixels give the bias, whatever they hold
  test::set_parameters(*reference, values);
  test::set_parameters(*cpu, values);
  const test::Samples shard{{1.0f, 20.0f, 300.0f, 4000.0f}, {1}, {0}};

  const auto expected = test::run_shard(*reference, shard).gradients[0][0];
  const auto actual = test::run_shard(*cpu, shard).gradients[0][0];

  for (std::size_t i = 0; i < actual.size(); ++i)  // the pixels differ by more than any rounding
    EXPECT_NEAR(actual[i], expected[i], 1e-5 * std::abs(expected[i]));
}

TEST(CpuReplica, NamesTheSampleWhoseLabelIsOutOfRange) {
  const Network network = mixed_network();
  auto replica = make_replica(network, {.shard_samples = 4, .threads = 2});
  auto shards = some_shards(network, {4, 4, 4, 4});
  const auto good = shards;
  shards[2].labels[1] = 4;
  shards[2].numbers[1] = 4711;

  EXPECT_THAT(
      [&] { test::run_step(*replica, shards); },
      ThrowsMessage<DataError>(AllOf(HasSubstr("sample 4711 has label 4"), HasSubstr("4 classes (0 to 3)"))));
  EXPECT_EQ(test::run_step(*replica, good).size(), 4u);  // and it goes on working
}

TEST(CpuReplica, DebugRunsNameTheSampleWithANanPixel) {
  const Network network = mixed_network();
  auto replica = make_replica(network, {.shard_samples = 4, .check_values = true});
  test::Samples shard = test::random_samples(network, 4, 1);
  EXPECT_NO_THROW(test::run_shard(*replica, shard));

  shard.images[static_cast<std::size_t>(2 * network.input.size())] = std::numeric_limits<float>::quiet_NaN();

  EXPECT_THAT([&] { test::run_shard(*replica, shard); },
              ThrowsMessage<RuntimeError>(HasSubstr("sample 1002 has a pixel of nan")));
}

TEST(CpuReplica, DebugRunsNameTheLayerAndSampleOfAnInfinity) {
  const Network network = mixed_network();
  auto replica = make_replica(network, {.shard_samples = 4, .check_values = true});
  test::Samples shard = test::random_samples(network, 4, 1);

  // Finite, but beyond what the first convolution can hold.
  shard.images[static_cast<std::size_t>(2 * network.input.size())] = 3e38f;
  auto values = test::random_parameters(network, 5);
  for (float& weight : values[0][0]) weight = 100.0f;
  test::set_parameters(*replica, values);

  EXPECT_THAT([&] { test::run_shard(*replica, shard); },
              ThrowsMessage<RuntimeError>(
                  AllOf(HasSubstr("layer conv2d put out inf for sample 1002"), HasSubstr("forward pass"))));
}

TEST(CpuReplica, DebugRunsNameTheLayerThatPassesBackInfinity) {
  const Network network = mixed_network();
  CompileOptions options{.shard_samples = 4, .check_values = true};
  options.loss.class_weights.assign(4, 3e38f);
  auto replica = make_replica(network, options);

  EXPECT_THAT([&] { test::run_shard(*replica, test::random_samples(network, 4, 1)); },
              ThrowsMessage<RuntimeError>(AllOf(HasSubstr("layer logits"), HasSubstr("backward pass"))));
}

TEST(CpuReplica, DebugRunsLookAtTheSumOfGradientsThatSeveralReadersPassBack) {
  NetworkBuilder net({.channels = 1, .flat = true});
  net.dense({.units = 1}, {.name = "trunk"});
  net.dense({.units = 2}, {.name = "left", .inputs = {"trunk"}});
  net.dense({.units = 2}, {.name = "right", .inputs = {"trunk"}});
  net.add(Add{}, {.inputs = {"left", "right"}});
  auto replica =
      make_cpu_replica(net.activate(Activation::softmax).build(), {.shard_samples = 1, .check_values = true});
  // Logits are zero, their gradient is (-1/2, 1/2): left and right pass back 3e38 each, which float holds.
  const std::vector<std::vector<float>> large{{-3e38f, 3e38f}, {0, 0}};
  test::set_parameters(*replica, {{{0}, {0}}, large, large, {}, {}});

  EXPECT_THAT(
      [&] {
        test::run_shard(*replica, {{1}, {0}, {10}});
      },
      ThrowsMessage<RuntimeError>(
          HasSubstr("layer trunk passed back inf for sample 10 in its backward pass")));
}

TEST(CpuReplica, RefusesClassWeightsOfAnotherNumberOfClasses) {
  CompileOptions options{.shard_samples = 4};
  options.loss.class_weights = {1.0f, 2.0f};

  EXPECT_THAT([&] { make_cpu_replica(mixed_network(), options); },
              ThrowsMessage<UsageError>(AllOf(HasSubstr("2 class weights"), HasSubstr("4 classes"))));
}

TEST(CpuReplica, HasFastKernelsForAnyNumberOfChannels) {
  testing::internal::CaptureStderr();
  for (const std::int64_t channels : {1, 2, 3, 4, 6, 8, 12, 16, 20, 32}) {
    NetworkBuilder net({.height = 12, .width = 12, .channels = channels});
    net.conv2d({.filters = channels, .kernel = {5, 5}})
        .add(Pool2d{.kind = PoolKind::average, .size = {2, 2}, .stride = {2, 2}});
    net.conv2d({.filters = 2 * channels, .kernel = {3, 3}}).flatten();
    make_cpu_replica(net.dense({.units = 2}).activate(Activation::softmax).build(), {.shard_samples = 2});
  }

  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");  // a slow plan warns
}

TEST(CpuReplica, SaysWhatItRunsOn) {
  auto replica = make_cpu_replica(mixed_network(), {.shard_samples = 1, .threads = 2});

  EXPECT_THAT(replica->describe(), AllOf(HasSubstr("oneDNN"), HasSubstr("2 worker threads")));
  EXPECT_EQ(replica->pixel_layout(), io::PixelLayout::channels_first);
}

}  // namespace
}  // namespace annulus::trainer
