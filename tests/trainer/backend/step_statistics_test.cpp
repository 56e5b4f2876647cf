// Batch norms with the statistics of the step: however the batch is cut into shards and shared out to
// threads, it is normalised as one. The oracle is the plain batch norm of the reference over a single shard.
#include <gtest/gtest.h>

#include <cmath>
#include <ostream>

#include "tests/support/gradient_check.hpp"
#include "tests/support/outcome_matchers.hpp"
#include "tests/support/replica_harness.hpp"
#include "trainer/backend/contract/replica.hpp"
#include "trainer/model/network_builder.hpp"

namespace annulus::trainer {
namespace {

using test::Samples;
using test::ShardOutcome;

constexpr double kTolerance = 1e-5;  // float against double, as in backend_oracle_test.cpp

using Make = Network (*)(StatisticsOf);

BatchNorm norm_of(StatisticsOf statistics) { return {.momentum = 0.9f, .statistics = statistics}; }
NetworkBuilder image(std::int64_t channels) {
  return NetworkBuilder({.height = 9, .width = 7, .channels = channels});
}
Network finish(NetworkBuilder builder) {
  return builder.flatten().dense({.units = 4}).activate(Activation::softmax).build();
}

struct Case {
  const char* name;
  Make make;
};
void PrintTo(const Case& which, std::ostream* out) { *out << which.name; }

const Case kCases[] = {
    {"OfBlockedMaps",  // 16 channels a block, and ReLU behind it
     [](StatisticsOf statistics) {
       return finish(image(3)
                         .conv2d({.filters = 32, .kernel = {3, 3}})
                         .add(norm_of(statistics))
                         .activate(Activation::relu)
                         .add(Pool2d{.size = {3, 3}, .stride = {2, 2}}));
     }},
    {"OfPaddedMaps",  // 13 channels leave a block half empty
     [](StatisticsOf statistics) {
       return finish(image(3)
                         .conv2d({.filters = 13, .kernel = {3, 3}})
                         .add(norm_of(statistics))
                         .conv2d({.filters = 5}));
     }},
    {"OfTheInput", [](StatisticsOf statistics) { return finish(image(3).add(norm_of(statistics))); }},
    {"OfAFlattenedImage",  // whose values lie in blocks before it
     [](StatisticsOf statistics) {
       return image(3)
           .conv2d({.filters = 7, .kernel = {3, 3}})
           .flatten()
           .add(norm_of(statistics))
           .dense({.units = 4}, {.activation = Activation::softmax})
           .build();
     }},
    {"OfVectors",
     [](StatisticsOf statistics) {
       return image(2)
           .flatten()
           .dense({.units = 21})
           .add(norm_of(statistics))
           .activate(Activation::tanh)
           .dense({.units = 4}, {.activation = Activation::softmax})
           .build();
     }},
    {"OfSeveralLayersAroundAnAdd",
     [](StatisticsOf statistics) {
       return finish(image(3)
                         .conv2d({.filters = 16, .kernel = {3, 3}, .padding_mode = PaddingMode::same},
                                 {.activation = Activation::tanh, .name = "first"})
                         .add(norm_of(statistics))
                         .conv2d({.filters = 16, .kernel = {3, 3}, .padding_mode = PaddingMode::same})
                         .add(norm_of(statistics), {.name = "norm"})
                         .add(Add{}, {.inputs = {"norm", "first"}})
                         .activate(Activation::tanh));
     }},
};

/// 3, 2, 0 and 1 samples: a shard that is full, two short ones, and one without any, as at a tail.
std::vector<Samples> shards_of(const Network& network) {
  return {test::random_samples(network, 3, 1), test::random_samples(network, 2, 2), Samples{},
          test::random_samples(network, 1, 3)};
}

Samples joined(const std::vector<Samples>& shards) {
  Samples all;
  for (const Samples& shard : shards) {
    all.images.insert(all.images.end(), shard.images.begin(), shard.images.end());
    all.labels.insert(all.labels.end(), shard.labels.begin(), shard.labels.end());
    all.numbers.insert(all.numbers.end(), shard.numbers.begin(), shard.numbers.end());
  }
  return all;
}

ShardOutcome sum_of(const std::vector<ShardOutcome>& shards) {
  ShardOutcome sum = shards.front();
  for (std::size_t shard = 1; shard < shards.size(); ++shard) {
    sum.loss += shards[shard].loss;
    sum.correct += shards[shard].correct;
    sum.samples += shards[shard].samples;
    for (std::size_t layer = 0; layer < sum.gradients.size(); ++layer)
      for (std::size_t i = 0; i < sum.gradients[layer].size(); ++i)
        for (std::size_t k = 0; k < sum.gradients[layer][i].size(); ++k)
          sum.gradients[layer][i][k] += shards[shard].gradients[layer][i][k];
  }
  return sum;
}

class StepStatistics : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    const auto oracle = make_reference_replica(GetParam().make(StatisticsOf::shard), {.shard_samples = 6});
    test::set_parameters(*oracle, test::random_parameters(network, 17));
    expected = test::run_shard(*oracle, joined(shards));
  }

  Network network = GetParam().make(StatisticsOf::step);
  std::vector<Samples> shards = shards_of(network);
  ShardOutcome expected;  ///< of all samples as one shard
};

TEST_P(StepStatistics, ShardsOfTheReferenceAreNormalisedAsOneBatch) {
  const auto replica = make_reference_replica(network, {.shard_samples = 3, .threads = 2});
  test::set_parameters(*replica, test::random_parameters(network, 17));

  test::expect_equal_outcomes(network, sum_of(test::run_step(*replica, shards)), expected, kTolerance);
}

TEST_P(StepStatistics, ShardsOfTheCpuBackendAreNormalisedAsOneBatch) {
  const auto replica = make_cpu_replica(network, {.shard_samples = 3});
  test::set_parameters(*replica, test::random_parameters(network, 17));

  test::expect_equal_outcomes(network, sum_of(test::run_step(*replica, shards)), expected, kTolerance);
  // Again, in memory that is no longer new, and with the shards in other places.
  std::swap(shards[0], shards[2]);
  test::expect_equal_outcomes(network, sum_of(test::run_step(*replica, shards)), expected, kTolerance);
}

TEST_P(StepStatistics, DifferFromThoseOfTheShards) {  // or the tests above would compare nothing
  const auto replica = make_cpu_replica(GetParam().make(StatisticsOf::shard), {.shard_samples = 3});
  test::set_parameters(*replica, test::random_parameters(network, 17));

  const double loss = sum_of(test::run_step(*replica, shards)).loss;

  EXPECT_GT(std::abs(loss - expected.loss), 1e-3 * expected.loss);
}

TEST_P(StepStatistics, HaveTheSameBitsOnAnyNumberOfThreads) {
  std::vector<std::vector<ShardOutcome>> outcomes;
  for (const int threads : {1, 2, 3}) {
    const auto replica = make_cpu_replica(network, {.shard_samples = 3, .threads = threads});
    test::set_parameters(*replica, test::random_parameters(network, 17));
    outcomes.push_back(test::run_step(*replica, shards));
  }

  for (std::size_t shard = 0; shard < shards.size(); ++shard)
    for (std::size_t run = 1; run < outcomes.size(); ++run) {
      EXPECT_EQ(outcomes[run][shard].loss, outcomes[0][shard].loss);
      EXPECT_EQ(outcomes[run][shard].gradients, outcomes[0][shard].gradients);
    }
}

INSTANTIATE_TEST_SUITE_P(Layers, StepStatistics, testing::ValuesIn(kCases),
                         [](const auto& test) { return std::string(test.param.name); });

/// Without the first: every parameter moves all values of a channel, and some cross a kink of ReLU or pool.
class SmoothStepStatistics : public testing::TestWithParam<Case> {};

TEST_P(SmoothStepStatistics, GradientsAreSlopesOfTheLoss) {
  const Network network = GetParam().make(StatisticsOf::step);
  const auto replica = make_reference_replica(network, {.shard_samples = 3});

  EXPECT_TRUE(test::gradients_match_differences(*replica, test::random_parameters(network, 31),
                                                test::random_samples(network, 3, 22), {.elements = 6}));
}

INSTANTIATE_TEST_SUITE_P(Layers, SmoothStepStatistics,
                         testing::ValuesIn(std::begin(kCases) + 1, std::end(kCases)),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(StepStatisticsInInference, AreTheMovingAverages) {
  const Network network = kCases[0].make(StatisticsOf::step);
  const auto step = make_cpu_replica(network, {.shard_samples = 3});
  const auto shard = make_cpu_replica(kCases[0].make(StatisticsOf::shard), {.shard_samples = 3});
  for (Replica* replica : {step.get(), shard.get()})
    test::set_parameters(*replica, test::random_parameters(network, 17));
  const Samples samples = test::random_samples(network, 3, 5);

  EXPECT_EQ(test::predict(*step, samples, 3), test::predict(*shard, samples, 3));
}

}  // namespace
}  // namespace annulus::trainer
