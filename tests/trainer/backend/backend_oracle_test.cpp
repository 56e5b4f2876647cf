// The CPU backend against the reference on every kind of layer: losses, counts, gradients, batch statistics
// and probabilities.
#include <gmock/gmock.h>

#include <cmath>
#include <set>

#include "base/error.hpp"
#include "tests/support/oracle_networks.hpp"
#include "tests/support/outcome_matchers.hpp"
#include "tests/support/replica_harness.hpp"
#include "tests/support/tensor_matchers.hpp"
#include "trainer/backend/contract/replica.hpp"
#include "trainer/model/layer_table.hpp"
#include "trainer/model/network_builder.hpp"

namespace annulus::trainer {
namespace {

using test::ParameterValues;
using test::Samples;
using test::ShardOutcome;

// float against double: sums of a few thousand products round to some 1e-7 of their size, Winograd tiles lose
// a digit more, and several layers add up.
constexpr double kTolerance = 1e-5;

struct Pair {
  std::unique_ptr<Replica> reference;
  std::unique_ptr<Replica> cpu;
};

Pair make_pair(const Network& network, const CompileOptions& options) {
  Pair pair{make_reference_replica(network, options), make_cpu_replica(network, options)};
  const ParameterValues parameters = test::random_parameters(network, 17);
  test::set_parameters(*pair.reference, parameters);
  test::set_parameters(*pair.cpu, parameters);
  return pair;
}

void expect_equal_steps(Pair& pair, const std::vector<Samples>& shards, std::uint64_t epoch) {
  const std::vector<ShardOutcome> expected = test::run_step(*pair.reference, shards, epoch);
  const std::vector<ShardOutcome> actual = test::run_step(*pair.cpu, shards, epoch);
  for (std::size_t shard = 0; shard < shards.size(); ++shard) {
    SCOPED_TRACE(testing::Message() << "shard of " << shards[shard].labels.size());
    EXPECT_EQ(actual[shard].correct, expected[shard].correct);
    EXPECT_EQ(actual[shard].top, expected[shard].top);
    test::expect_equal_outcomes(pair.cpu->network(), actual[shard], expected[shard], kTolerance);
  }
}

class BackendOracle : public testing::TestWithParam<test::OracleNetwork> {};

TEST_P(BackendOracle, TrainsAsTheReference) {
  const Network& network = GetParam().network;
  CompileOptions options{.shard_samples = 3, .seed = 9};
  options.loss.label_smoothing = 0.1f;
  Pair pair = make_pair(network, options);

  // Whole, with fewer samples than compiled for, empty, and whole again after those.
  expect_equal_steps(pair,
                     {test::random_samples(network, 3, 1), test::random_samples(network, 2, 2), Samples{},
                      test::random_samples(network, 3, 3)},
                     4);
}

TEST_P(BackendOracle, PredictsAsTheReference) {
  const Network& network = GetParam().network;
  Pair pair = make_pair(network, {.shard_samples = 2, .predict_samples = 3});
  const Samples samples = test::random_samples(network, 3, 5);

  for (const std::int64_t n : {3, 1}) {
    SCOPED_TRACE(n);
    EXPECT_TENSOR_NEAR(test::predict(*pair.cpu, samples, n), test::predict(*pair.reference, samples, n),
                       kTolerance);
  }
}

INSTANTIATE_TEST_SUITE_P(Networks, BackendOracle, testing::ValuesIn(test::oracle_networks()),
                         [](const auto& test) { return test.param.name; });

TEST(BackendOracleNetworks, HaveEveryTypeOfLayer) {
  std::set<std::string> missing(layer_types().begin(), layer_types().end());

  for (const test::OracleNetwork& which : test::oracle_networks())
    for (const Layer& layer : which.network.layers) missing.erase(layer.type);

  EXPECT_THAT(missing, testing::IsEmpty()) << "types without a network in tests/support/oracle_networks.cpp";
}

class EveryEdge : public testing::TestWithParam<test::EdgeNetwork> {};

/// Exactly: whatever a step before has left in memory.
TEST_P(EveryEdge, GetsAGradientOfZero) {
  const Network& network = GetParam().network;
  Samples edge = test::random_samples(network, 3, 2);
  edge.images = test::edge_images(GetParam(), 3);
  Pair pair = make_pair(network, {.shard_samples = 3});

  for (Replica* replica : {pair.reference.get(), pair.cpu.get()}) {
    SCOPED_TRACE(replica->describe());
    const ShardOutcome before = test::run_shard(*replica, test::random_samples(network, 3, 1));
    const ShardOutcome outcome = test::run_shard(*replica, edge);
    EXPECT_THAT(outcome.gradients[0][0], testing::Each(0.0f));
    EXPECT_THAT(before.gradients[0][0], testing::Not(testing::Contains(0.0f)));
  }
}

INSTANTIATE_TEST_SUITE_P(Networks, EveryEdge, testing::ValuesIn(test::edge_networks()),
                         [](const auto& test) { return test.param.name; });

Network mixed_network() {
  return NetworkBuilder({.height = 9, .width = 7, .channels = 3})
      .conv2d({.filters = 20, .kernel = {3, 3}, .padding_mode = PaddingMode::same})
      .add(BatchNorm{})
      .activate(Activation::relu)
      .add(Pool2d{.size = {3, 3}, .stride = {2, 2}})
      .add(Dropout{0.4f})
      .flatten()
      .dense({.units = 11}, {.activation = Activation::relu})
      .add(Dropout{0.2f})
      .dense({.units = 4})
      .activate(Activation::softmax)
      .build();
}

TEST(BackendOracleOptions, ClassWeightsAndSmoothing) {
  CompileOptions options{.shard_samples = 5};
  options.loss = {.label_smoothing = 0.3f, .class_weights = {0.25f, 4.0f, 1.0f, 0.0f}};
  Pair pair = make_pair(mixed_network(), options);

  expect_equal_steps(pair, {test::random_samples(mixed_network(), 5, 1)}, 0);
}

TEST(BackendOracleOptions, WeightsOfSamplesAndMixtures) {
  CompileOptions options{.shard_samples = 20};
  options.loss = {.label_smoothing = 0.3f, .class_weights = {0.25f, 4.0f, 1.0f, 0.0f}, .top_k = 2};
  Pair pair = make_pair(mixed_network(), options);
  Samples weighed = test::random_mixtures(mixed_network(), 20, 1), mixed = weighed;
  weighed.shares.clear();
  mixed.weights.clear();

  expect_equal_steps(pair, {test::random_mixtures(mixed_network(), 20, 2), weighed, mixed}, 0);
}

TEST(BackendOracleOptions, LabelsAmongTheKLargest) {
  for (const int k : {1, 2, 3}) {
    CompileOptions options{.shard_samples = 40};
    options.loss.top_k = k;
    Pair pair = make_pair(mixed_network(), options);
    const std::vector<Samples> shards{test::random_samples(mixed_network(), 40, 1)};

    expect_equal_steps(pair, shards, 0);
    const ShardOutcome outcome = test::run_step(*pair.cpu, shards, 0).front();
    if (k == 1) {
      EXPECT_EQ(outcome.top, outcome.correct);
    }
    EXPECT_GE(outcome.top, outcome.correct);
    EXPECT_LT(outcome.top, 40);
  }
}

TEST(BackendOracleOptions, GroupNormTrainsOnOneSample) {
  const Network network = NetworkBuilder({.height = 5, .width = 4, .channels = 3})
                              .conv2d({.filters = 20, .kernel = {2, 2}})
                              .add(GroupNorm{.groups = 5})
                              .activate(Activation::relu)
                              .flatten()
                              .dense({.units = 4})
                              .activate(Activation::softmax)
                              .build();
  Pair pair = make_pair(network, {.shard_samples = 1});

  expect_equal_steps(pair, {test::random_samples(network, 1, 1), test::random_samples(network, 1, 2)}, 0);
}

TEST(BackendOracleOptions, ThreadsShareShards) {
  Pair pair = make_pair(mixed_network(), {.shard_samples = 4, .seed = 3, .threads = 2});
  std::vector<Samples> shards;
  for (std::uint64_t i = 0; i < 7; ++i)
    shards.push_back(test::random_samples(mixed_network(), static_cast<std::int64_t>(i % 5), i));

  expect_equal_steps(pair, shards, 1);
  expect_equal_steps(pair, shards, 2);  // buffers are used again
}

TEST(BackendOracleOptions, ThreadsDoNotChangeABit) {
  const auto one = make_pair(mixed_network(), {.shard_samples = 4, .seed = 3, .threads = 1}).cpu;
  const auto two = make_pair(mixed_network(), {.shard_samples = 4, .seed = 3, .threads = 2}).cpu;
  std::vector<Samples> shards;
  for (std::uint64_t i = 0; i < 6; ++i) shards.push_back(test::random_samples(mixed_network(), 4, i));

  const std::vector<ShardOutcome> alone = test::run_step(*one, shards, 1);
  const std::vector<ShardOutcome> together = test::run_step(*two, shards, 1);

  for (std::size_t shard = 0; shard < shards.size(); ++shard) {
    EXPECT_EQ(together[shard].loss, alone[shard].loss);
    EXPECT_EQ(together[shard].gradients, alone[shard].gradients);
  }
}

TEST(BackendOracleOptions, PredictionTakesNotesOfChangedParameters) {
  Pair pair = make_pair(mixed_network(), {.shard_samples = 2});
  const Samples samples = test::random_samples(mixed_network(), 2, 5);
  const std::vector<float> before = test::predict(*pair.cpu, samples, 2);

  const ParameterValues changed = test::random_parameters(mixed_network(), 18);
  test::set_parameters(*pair.reference, changed);
  test::set_parameters(*pair.cpu, changed);
  const std::vector<float> after = test::predict(*pair.cpu, samples, 2);

  EXPECT_FALSE(test::tensors_near(before, after, {.norm = kTolerance}));
  EXPECT_TENSOR_NEAR(after, test::predict(*pair.reference, samples, 2), kTolerance);
}

TEST(BackendOracleOptions, BadLabelsAndBadValuesAreNamedAlike) {
  Pair pair = make_pair(mixed_network(), {.shard_samples = 2, .check_values = true});
  Samples bad_label = test::random_samples(mixed_network(), 2, 5);
  bad_label.labels[1] = 4;
  Samples bad_pixel = test::random_samples(mixed_network(), 2, 6);
  bad_pixel.images.back() = std::nanf("");

  for (Replica* replica : {pair.reference.get(), pair.cpu.get()}) {
    SCOPED_TRACE(replica->describe());
    try {
      test::run_shard(*replica, bad_label);
      ADD_FAILURE() << "label 4 of 4 classes was accepted";
    } catch (const DataError& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr("sample 5001"));
    }
    try {
      test::run_shard(*replica, bad_pixel);
      ADD_FAILURE() << "a NaN pixel was accepted";
    } catch (const RuntimeError& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr("6001"));
    }
  }
}

}  // namespace
}  // namespace annulus::trainer
