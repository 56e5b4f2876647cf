// Statistics of the step over ranks: the bits of one process, whether ranks share memory or send messages,
// and while gradients are on their way as well.
#include <gtest/gtest.h>

#include <vector>

#include "comm/host/gradient_reducer.hpp"
#include "tests/support/mpi_environment.hpp"
#include "tests/support/replica_harness.hpp"
#include "trainer/backend/contract/replica.hpp"
#include "trainer/model/network_builder.hpp"

namespace annulus::trainer {
namespace {

constexpr std::int64_t kShards = 12;  // whole for 1, 2, 3 and 4 ranks

comm::ProcessGroup& world() { return test::session().group(); }

Network network() {
  return NetworkBuilder({.height = 6, .width = 6, .channels = 2})
      .conv2d({.filters = 8, .kernel = {3, 3}})
      .add(BatchNorm{.statistics = StatisticsOf::step})
      .activate(Activation::relu)
      .conv2d({.filters = 8, .kernel = {3, 3}})
      .add(BatchNorm{.statistics = StatisticsOf::step})
      .flatten()
      .dense({.units = 700})  // its gradients are still on their way at the second norm
      .activate(Activation::relu)
      .dense({.units = 3}, {.activation = Activation::softmax})
      .build();
}

/// Shard v of a step; from the tenth on there are no samples, so that the last rank of four has none.
test::Samples shard_of(const Network& net, std::int64_t v) {
  const std::int64_t samples = v < 8 ? 2 : v == 8 ? 1 : 0;
  return samples == 0 ? test::Samples{}
                      : test::random_samples(net, samples, 100 + static_cast<std::uint64_t>(v));
}

/// Sums of several steps, as every rank of the group gets them.
std::vector<std::vector<float>> train(comm::ProcessGroup& group, NodeMemoryFactory memory) {
  const Network net = network();
  const auto replica = make_cpu_replica(net, {.shard_samples = 2, .threads = 2});
  test::set_parameters(*replica, test::random_parameters(net, 17));
  const auto buckets = comm::make_buckets(gradient_sizes(replica->layout()), 1024);
  const auto reducer = comm::make_reducer(group, {.elements = gradient_elements(replica->layout()),
                                                  .buckets = buckets,
                                                  .shards = kShards,
                                                  .shared_memory = memory});
  const std::size_t elements = replica->step_sum_elements();
  const auto sums = comm::make_reducer(group, {.elements = elements,
                                               .buckets = {{0, elements}},
                                               .shards = kShards,
                                               .shared_memory = memory,
                                               .purpose = comm::ReducerPurpose::statistics});
  replica->set_step_sums(sums.get());
  std::vector<test::Samples> samples;
  for (std::int64_t v = 0; v < kShards; ++v) samples.push_back(shard_of(net, v));
  std::vector<std::vector<float>> results;
  for (int step = 0; step < 3; ++step) {
    test::train_shards(*replica, *reducer, samples);
    const std::span<const float> sum = reducer->finish();
    results.emplace_back(sum.begin(), sum.end());
  }
  replica->set_step_sums(nullptr);
  return results;
}

TEST(StepStatisticsOverRanks, HaveTheBitsOfOneProcess) {
  const auto alone = comm::make_serial_group();
  const auto expected = train(*alone, {});

  EXPECT_EQ(train(world(), {}), expected);  // by messages
  EXPECT_EQ(train(world(), [](std::size_t bytes) { return test::session().try_allocate_shared(bytes); }),
            expected);
  EXPECT_NE(expected[0][kLossSum], 0.0f);
}

}  // namespace
}  // namespace annulus::trainer
