// The reference backend as a whole: what it reports, where its tensors lie, what it refuses.
#include "trainer/backend/reference/reference_replica.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "base/error.hpp"
#include "tests/support/recording_reducer.hpp"
#include "tests/support/replica_harness.hpp"
#include "tests/support/tensor_matchers.hpp"
#include "trainer/model/network_builder.hpp"

namespace annulus::trainer {
namespace {

using test::ParameterValues;
using test::Samples;
using test::ShardOutcome;
using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;

const SampleShape kPair{.height = 1, .width = 1, .channels = 2};

Network pair_classifier() {
  return NetworkBuilder(kPair).flatten().dense({.units = 2}).activate(Activation::softmax).build();
}

Network small_network() {
  return NetworkBuilder({.height = 6, .width = 5, .channels = 3})
      .conv2d({.filters = 4, .kernel = {3, 3}, .padding_mode = PaddingMode::same})
      .add(BatchNorm{})
      .activate(Activation::relu)
      .add(Pool2d{.size = {2, 2}, .stride = {2, 2}, .padding_mode = PaddingMode::same})
      .add(Dropout{0.3f})
      .flatten()
      .dense({.units = 5}, {.activation = Activation::softmax})
      .build();
}

std::unique_ptr<Replica> make_small(const CompileOptions& options) {
  std::unique_ptr<Replica> replica = make_reference_replica(small_network(), options);
  test::set_parameters(*replica, test::random_parameters(replica->network(), 3));
  return replica;
}

Samples two_pairs() { return {.images = {1, 2, 3, 4}, .labels = {0, 1}, .numbers = {10, 11}}; }

TEST(ReferenceReplica, ReportsLossCountsAndSummedGradients) {
  const auto replica = make_reference_replica(pair_classifier(), {.shard_samples = 2});
  const double ln3 = std::log(3.0);
  // Logits are (0, ln 3) for both samples, so probabilities 1/4 and 3/4.
  test::set_parameters(*replica, {{}, {{0, 0, 0, 0}, {0, static_cast<float>(ln3)}}, {}});

  const ShardOutcome outcome = test::run_shard(*replica, two_pairs());

  constexpr double kFloat = 1e-6;  // ln 3 and the results are rounded to float
  EXPECT_NEAR(outcome.loss, std::log(4.0) + std::log(4.0 / 3), kFloat);
  EXPECT_EQ(outcome.correct, 1);
  EXPECT_EQ(outcome.samples, 2);
  // p - onehot: (-3/4, 3/4) and (1/4, -1/4). bias: their sum. kernel: pixels (1, 2) and (3, 4) times them.
  EXPECT_TENSOR_NEAR(outcome.gradients[1][1], (std::vector<float>{-0.5f, 0.5f}), kFloat);
  EXPECT_TENSOR_NEAR(outcome.gradients[1][0], (std::vector<float>{0, 0, -0.5f, 0.5f}), kFloat);
}

TEST(ReferenceReplica, SoftmaxMayBeALayerAnActivationOrLeftOut) {
  const ParameterValues parameters{{}, {{1, 2, 3, -4}, {0.5f, 0}}, {}};
  const auto as_layer = make_reference_replica(pair_classifier(), {.shard_samples = 2});
  const auto inside = make_reference_replica(
      NetworkBuilder(kPair).flatten().dense({.units = 2}, {.activation = Activation::softmax}).build(),
      {.shard_samples = 2});
  const auto without = make_reference_replica(NetworkBuilder(kPair).flatten().dense({.units = 2}).build(),
                                              {.shard_samples = 2});
  std::vector<ShardOutcome> outcomes;
  std::vector<std::vector<float>> probabilities;

  for (Replica* replica : {as_layer.get(), inside.get(), without.get()}) {
    test::set_parameters(*replica, parameters);
    outcomes.push_back(test::run_shard(*replica, two_pairs()));
    outcomes.back().gradients.resize(2);
    probabilities.push_back(test::predict(*replica, two_pairs(), 2));
  }

  // Logits of the first sample: 1 + 6 + 0.5 and 2 - 8: softmax differs from 1 by exp(-13.5).
  EXPECT_NEAR(probabilities[0][1], std::exp(-13.5), 1e-8);
  for (std::size_t i = 1; i < 3; ++i) {
    EXPECT_EQ(outcomes[i].loss, outcomes[0].loss);
    EXPECT_EQ(outcomes[i].gradients, outcomes[0].gradients);
    EXPECT_EQ(probabilities[i], probabilities[0]);
  }
}

TEST(ReferenceReplica, ArenaHoldsTheLastLayerFirstOnAlignedOffsets) {
  const auto replica = make_small({.shard_samples = 2});
  const ArenaLayout& layout = replica->layout();

  std::vector<std::pair<int, int>> order;
  for (const Segment& segment : layout.trainable) {
    order.emplace_back(segment.layer, segment.parameter);
    EXPECT_EQ(segment.offset % 16, 0u);
  }
  // dense kernel and bias, batch norm gamma and beta, convolution kernel and bias.
  EXPECT_THAT(order, ElementsAre(std::pair{6, 0}, std::pair{6, 1}, std::pair{1, 0}, std::pair{1, 1},
                                 std::pair{0, 0}, std::pair{0, 1}));
  EXPECT_EQ(layout.trainable[1].offset, 192u);  // 3 * 3 * 4 inputs times 5 units = 180, rounded up
  EXPECT_EQ(layout.statistics.size(), 2u);
  EXPECT_EQ(layout.statistics_count, 32u);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(replica->parameters().data()) % 64, 0u);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(replica->statistics().data()) % 64, 0u);
}

TEST(ReferenceReplica, BatchStatisticsTravelWithTheSamples) {
  const Network network =
      NetworkBuilder(kPair).add(BatchNorm{}).flatten().activate(Activation::softmax).build();
  const auto replica = make_reference_replica(network, {.shard_samples = 4});
  test::set_parameters(*replica, {{{1, 1}, {0, 0}, {9, 9}, {9, 9}}, {}, {}});

  const ShardOutcome outcome = test::run_shard(*replica, {{1, 5, 3, 5}, {0, 1}, {0, 1}});

  // Means 2 and 5, biased variances 1 and 0, times two samples.
  EXPECT_THAT(outcome.gradients[0][2], ElementsAre(4, 10));
  EXPECT_THAT(outcome.gradients[0][3], ElementsAre(2, 0));
  EXPECT_THAT(replica->statistics().first(2), Each(9)) << "train() changes no averages";
}

TEST(ReferenceReplica, EmptyShardsReportZeros) {
  const auto replica = make_small({.shard_samples = 4});
  const Samples some = test::random_samples(replica->network(), 3, 1);

  const std::vector<ShardOutcome> outcomes = test::run_step(*replica, {{}, some, {}});

  EXPECT_EQ(outcomes[0].samples, 0);
  EXPECT_EQ(outcomes[0].loss, 0);
  for (const auto& layer : outcomes[2].gradients)
    for (const auto& gradient : layer) EXPECT_THAT(gradient, Each(0.0f));
  EXPECT_EQ(outcomes[1].samples, 3);
}

TEST(ReferenceReplica, ThreadsAndCompanyDoNotChangeAShard) {
  const auto one = make_small({.shard_samples = 4, .seed = 8, .threads = 1});
  const auto three = make_small({.shard_samples = 4, .seed = 8, .threads = 3});
  std::vector<Samples> shards;
  shards.reserve(5);
  for (int i = 0; i < 5; ++i) shards.push_back(test::random_samples(one->network(), i % 4 + 1, i));

  const std::vector<ShardOutcome> together = test::run_step(*three, shards, 2);

  for (std::size_t i = 0; i < shards.size(); ++i) {
    const ShardOutcome alone = test::run_shard(*one, shards[i], 2);
    EXPECT_EQ(together[i].loss, alone.loss);
    EXPECT_EQ(together[i].gradients, alone.gradients);
  }
}

TEST(ReferenceReplica, BucketsOfAnySizeAreReportedInOrderAndProgressIsMade) {
  const auto replica = make_small({.shard_samples = 2});
  const Samples samples = test::random_samples(replica->network(), 2, 1);
  const io::Batch batch{.samples = 2, .shards = {{0, samples.images, samples.labels, samples.numbers}}};

  for (const std::size_t bucket_elements : {1u, 100u, 1u << 20}) {
    test::RecordingReducer reducer(replica->layout(), {0, 1}, bucket_elements);
    replica->train(batch, reducer);
    EXPECT_EQ(reducer.complaints(), "");
    EXPECT_EQ(reducer.progress_calls(), 14) << "once a layer and direction";
  }
}

TEST(ReferenceReplica, DropoutDependsOnEpochAndSampleNumber) {
  const auto replica = make_small({.shard_samples = 2, .seed = 8});
  Samples samples = test::random_samples(replica->network(), 2, 1);

  const double loss = test::run_shard(*replica, samples, 0).loss;
  EXPECT_EQ(test::run_shard(*replica, samples, 0).loss, loss);
  EXPECT_NE(test::run_shard(*replica, samples, 1).loss, loss);
  samples.numbers[1] += 1;
  EXPECT_NE(test::run_shard(*replica, samples, 0).loss, loss);
}

TEST(ReferenceReplica, PredictsFewerImagesAndBlocks) {
  const auto replica = make_small({.shard_samples = 2, .predict_samples = 4});
  const Samples samples = test::random_samples(replica->network(), 4, 5);

  const std::vector<float> all = test::predict(*replica, samples, 4);
  std::vector<float> in_blocks(all.size());
  const std::vector<PredictBlock> blocks{{.images = std::span(samples.images).first(3 * 90),
                                          .samples = 3,
                                          .probabilities = std::span(in_blocks).first(15)},
                                         {.images = std::span(samples.images).subspan(3 * 90),
                                          .samples = 1,
                                          .probabilities = std::span(in_blocks).subspan(15)}};
  replica->predict_blocks(blocks);

  EXPECT_EQ(in_blocks, all);
  for (int sample = 0; sample < 4; ++sample) {
    const float sum = all[5 * sample] + all[5 * sample + 1] + all[5 * sample + 2] + all[5 * sample + 3] +
                      all[5 * sample + 4];
    EXPECT_NEAR(sum, 1, 1e-6);  // five roundings to float
  }
}

std::string message_of_training(Replica& replica, const Samples& samples) {
  try {
    test::run_shard(replica, samples);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(ReferenceReplica, NamesTheSampleWithALabelOutOfRange) {
  const auto replica = make_reference_replica(pair_classifier(), {.shard_samples = 2});

  EXPECT_THROW(test::run_shard(*replica, {{1, 2, 3, 4}, {0, 2}, {10, 4711}}), DataError);
  EXPECT_THAT(message_of_training(*replica, {{1, 2, 3, 4}, {0, 2}, {10, 4711}}),
              AllOf(HasSubstr("sample 4711"), HasSubstr("label 2"), HasSubstr("2 classes")));
  EXPECT_THAT(message_of_training(*replica, {{1, 2, 3, 4}, {-1, 0}, {10, 4711}}),
              AllOf(HasSubstr("sample 10"), HasSubstr("label -1")));
}

TEST(ReferenceReplica, ValueCheckNamesLayerDirectionAndSample) {
  const float nan = std::numeric_limits<float>::quiet_NaN(), huge = 1e30f;
  const auto replica = make_reference_replica(pair_classifier(), {.shard_samples = 2, .check_values = true});
  test::set_parameters(*replica, {{}, {{1, 1, 1, 1}, {0, 0}}, {}});

  EXPECT_EQ(message_of_training(*replica, two_pairs()), "no error");
  EXPECT_THAT(message_of_training(*replica, {{1, 2, 3, nan}, {0, 1}, {10, 4711}}),
              HasSubstr("sample 4711 has a pixel of nan"));

  test::set_parameters(*replica, {{}, {{huge, 1, 1, 1}, {0, 0}}, {}});
  EXPECT_THAT(message_of_training(*replica, {{1, 2, huge, 4}, {0, 1}, {10, 4711}}),
              HasSubstr("layer dense put out inf for sample 4711 in its forward pass"));
  // Logits stay in range; their gradient times the kernel does not.
  const auto deep =
      make_reference_replica(NetworkBuilder(kPair).flatten().dense({.units = 1}).dense({.units = 2}).build(),
                             {.shard_samples = 1, .check_values = true});
  test::set_parameters(*deep, {{}, {{0, 0}, {0}}, {{0, 3e38f}, {0, 0}}});
  EXPECT_EQ(message_of_training(*deep, {{1, 2}, {0}, {10}}), "no error");
  test::set_parameters(*deep, {{}, {{0, 0}, {0}}, {{-3e38f, 3e38f}, {0, 0}}});
  EXPECT_THAT(
      message_of_training(*deep, {{3, 3}, {0}, {10}}),
      HasSubstr("layer dense: the gradient of its kernel is inf in the backward pass (samples 10 to 10)"));
}

TEST(ReferenceReplica, WithoutTheCheckBadValuesReachTheLoss) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const auto replica = make_reference_replica(pair_classifier(), {.shard_samples = 1});
  const std::vector<float> images{nan, 1};
  const std::vector<std::int32_t> labels{0};
  const std::vector<std::uint64_t> numbers{0};
  test::RecordingReducer reducer(replica->layout(), {0, 1});

  replica->train({.samples = 1, .shards = {{0, images, labels, numbers}}}, reducer);

  EXPECT_TRUE(std::isnan(reducer.gradients(0)[kLossSum]));
}

TEST(ReferenceReplica, DescribesItself) {
  EXPECT_THAT(make_small({.threads = 2})->describe(), AllOf(HasSubstr("reference"), HasSubstr("2 threads")));
}

}  // namespace
}  // namespace annulus::trainer
