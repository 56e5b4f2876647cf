// A trial shard tells machines apart by what they compute; ranks that differ are named with the difference.
#include "trainer/loop/same_numbers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "tests/trainer/fake_replica.hpp"
#include "trainer/loop/trial_shard.hpp"
#include "trainer/model/network_builder.hpp"

namespace annulus::trainer {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

RankNumbers rank(const std::string& processor, std::uint64_t trial) {
  RankNumbers numbers{.parameters = 100, .statistics = 4, .gradient = 132, .kernels = 5, .trial = trial};
  std::string("host").copy(numbers.host, sizeof numbers.host - 1);
  processor.copy(numbers.processor, sizeof numbers.processor - 1);
  return numbers;
}

TEST(OddRanks, ProcessorsThatComputeTheSameAreNone) {
  EXPECT_EQ(odd_ranks(std::vector{rank("Xeon", 1), rank("Epyc", 1)}), "");
}

TEST(OddRanks, AreThoseUnlikeMost) {
  const std::string odd = odd_ranks(std::vector{rank("Epyc", 2), rank("Xeon", 1), rank("Xeon", 1)});

  EXPECT_THAT(odd, AllOf(HasSubstr("rank 0 on host host has the processor Epyc instead of Xeon"),
                         HasSubstr("0000000000000002 instead of 0000000000000001 from a trial shard"),
                         Not(HasSubstr("rank 1"))));
}

TEST(OddRanks, LengthsKernelsAndLibrariesCountByThemselves) {
  RankNumbers longer = rank("Xeon", 1), other_kernels = longer, other_library = longer;
  longer.gradient = 148;
  other_kernels.kernels = 6;
  std::string("oneDNN 3").copy(other_library.libraries, sizeof other_library.libraries - 1);
  const RankNumbers usual = rank("Xeon", 1);

  EXPECT_THAT(odd_ranks(std::vector{usual, usual, longer}),
              HasSubstr("148 gradients instead of 100 and 132"));
  EXPECT_THAT(odd_ranks(std::vector{usual, usual, other_kernels}), HasSubstr("other kernels"));
  EXPECT_THAT(odd_ranks(std::vector{usual, usual, other_library}), HasSubstr("the libraries oneDNN 3"));
}

TEST(OddRanks, WithoutATrialTheNameOfTheProcessorCounts) {
  EXPECT_THAT(odd_ranks(std::vector{rank("H200", 0), rank("A100", 0)}),
              HasSubstr("rank 1 on host host has the processor A100 instead of H200"));
}

Network some_network() {
  return NetworkBuilder({.height = 6, .width = 6, .channels = 2})
      .conv2d({.filters = 4, .kernel = {3, 3}})
      .add(BatchNorm{})
      .activate(Activation::relu)
      .add(Dropout{0.3f})
      .flatten()
      .dense({.units = 3})
      .activate(Activation::softmax)
      .build();
}

TEST(TrialShard, IsTheSameForEveryReplicaAndNumberOfThreads) {
  const auto one = make_cpu_replica(some_network(), {.shard_samples = 5});
  const auto other = make_cpu_replica(some_network(), {.shard_samples = 5, .threads = 3});

  const std::uint64_t hash = trial_hash(*one, 5);

  EXPECT_EQ(trial_hash(*other, 5), hash);
  EXPECT_EQ(trial_hash(*one, 5), hash);  // nothing of the first is left
}

TEST(TrialShard, SeesArithmeticThatDiffersInTheLastBits) {
  const auto one = make_cpu_replica(some_network(), {.shard_samples = 5});
  const auto other = make_reference_replica(some_network(), {.shard_samples = 5});

  EXPECT_NE(trial_hash(*one, 5), trial_hash(*other, 5));
}

/// Keeps what it was trained on, and answers with gradients of its own choice.
class WatchedReplica final : public FakeReplica {
 public:
  using FakeReplica::FakeReplica;
  void upload() override { uploaded.assign(parameters().begin(), parameters().end()); }
  void train(const io::Batch& batch, comm::GradientReducer& reducer) override {
    ASSERT_EQ(batch.shards.size(), 1u);
    shard = batch.shards.front();
    samples = batch.samples;
    images.assign(shard.images.begin(), shard.images.end());
    vectors.assign(shard.vectors.begin(), shard.vectors.end());
    labels.assign(shard.labels.begin(), shard.labels.end());
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(shard.images.data()) % 64, 0u);
    const std::span<float> leaf = reducer.begin_shard(0);
    std::ranges::fill(leaf, 0.5f);
    leaf.back() = last;
    for (std::size_t b = 0; b < reducer.buckets().size(); ++b) reducer.bucket_ready(0, b);
  }

  float last = 0.5f;
  io::Shard shard;
  std::int64_t samples = 0;
  std::vector<float> images, vectors, uploaded;
  std::vector<std::int32_t> labels;
};

/// Whether numbers lie in [-1, 1), and no two of them are equal.
void expect_spread(const std::vector<float>& values) {
  EXPECT_TRUE(std::ranges::all_of(values, [](float value) { return value >= -1 && value < 1; }));
  EXPECT_EQ(std::set<float>(values.begin(), values.end()).size(), values.size());
  EXPECT_LT(*std::ranges::min_element(values), -0.5f);
  EXPECT_GT(*std::ranges::max_element(values), 0.5f);
}

TEST(TrialShard, HasSamplesOfEveryKind) {
  Network network = NetworkBuilder({.height = 3, .width = 5, .channels = 2})
                        .vector_input({"track", 6})
                        .flatten({.name = "flat"})
                        .add(Concat{}, {.inputs = {"flat", "track"}})
                        .dense({.units = 3})
                        .build();
  WatchedReplica replica(std::move(network));

  const std::uint64_t hash = trial_hash(replica, 7);

  EXPECT_EQ(replica.samples, 7);
  EXPECT_EQ(replica.shard.size(), 7);
  ASSERT_EQ(replica.images.size(), 7u * 30);
  ASSERT_EQ(replica.vectors.size(), 7u * 6);
  expect_spread(replica.images);
  expect_spread(replica.vectors);
  EXPECT_NE(replica.images[0], replica.vectors[0]) << "of numbers of their own";
  EXPECT_THAT(replica.labels, testing::ElementsAre(0, 1, 2, 0, 1, 2, 0));
  EXPECT_TRUE(std::ranges::any_of(replica.uploaded, [](float value) { return value != 0; }));

  replica.last = std::nextafter(0.5f, 1.0f);
  EXPECT_NE(trial_hash(replica, 7), hash) << "the last bit of the last gradient";
}

TEST(TrialShard, StepStatisticsNeedNobodyElse) {
  const Network network = NetworkBuilder({.height = 2, .width = 2, .channels = 1})
                              .flatten()
                              .dense({.units = 4})
                              .add(BatchNorm{.statistics = StatisticsOf::step})
                              .dense({.units = 2})
                              .build();
  const auto replica = make_cpu_replica(network, {.shard_samples = 3});

  EXPECT_EQ(trial_hash(*replica, 3), trial_hash(*replica, 3));
}

TEST(TrialSubject, FollowsWhatTheNumbersDependOn) {
  const auto subject = [](const std::vector<std::string>& overrides) {
    return trial_subject(parse_config(R"(data: {path: some.h5}
network: {input: [2, 2, 1], layers: [flatten, dense: 2, softmax]}
)",
                                      "test.yaml", overrides)
                             .config);
  };

  EXPECT_EQ(subject({"optimizer.learning_rate=0.5", "device.threads=2", "epochs=9"}), subject({}));
  for (const char* change :
       {"batch.size=64", "seed=5", "loss.label_smoothing=0.1", "network.layers=[flatten, dense: 3, softmax]"})
    EXPECT_NE(subject({change}), subject({})) << change;
}

}  // namespace
}  // namespace annulus::trainer
