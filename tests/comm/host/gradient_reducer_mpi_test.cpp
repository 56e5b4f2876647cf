// The reducer across ranks: the same bits as the serial tree, whatever the world, threads or buckets.
#include "comm/host/gradient_reducer.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>

#include "base/worker_pool.hpp"
#include "tests/comm/host/reducer_oracle.hpp"
#include "tests/support/mpi_environment.hpp"

namespace annulus::comm {
namespace {

/// One step: worker threads take shards as they come, the calling thread also moves transfers.
std::span<const float> run_step(GradientReducer& reducer, WorkerPool& workers, std::uint32_t step) {
  std::atomic<std::int64_t> next{reducer.owned().begin};
  workers.run([&](int worker) {
    for (std::int64_t shard; (shard = next++) < reducer.owned().end;) {
      test::produce_shard(reducer, step, shard);
      if (worker == 0) reducer.progress();
    }
  });
  return reducer.finish();
}

ReducerOptions options_for(std::int64_t shards, Reduction reduction) {
  // Uneven buckets: a long one, one of a single element, one that is not a multiple of a cache line.
  return {.elements = 1101,
          .buckets = {{0, 900}, {900, 901}, {901, 1101}},
          .shards = shards,
          .reduction = reduction};
}

/// Ranks of one host sum in shared memory, others by messages: both here, as all ranks of a test are on one.
enum class Way { messages, memory };
class TreeReducerMpi : public testing::TestWithParam<Way> {
 protected:
  static ReducerOptions with_way(ReducerOptions options) {
    if (GetParam() == Way::memory)
      options.shared_memory = [](std::size_t bytes) {
        return annulus::test::session().try_allocate_shared(bytes);
      };
    return options;
  }
};
INSTANTIATE_TEST_SUITE_P(Ways, TreeReducerMpi, testing::Values(Way::messages, Way::memory),
                         [](const auto& way) { return way.param == Way::memory ? "memory" : "messages"; });

TEST_P(TreeReducerMpi, SumsTheBitsOfTheSerialTree) {
  ProcessGroup& group = annulus::test::session().group();
  for (const std::int64_t shards : {1, 2, 3, 4, 6, 8, 9, 12, 24}) {
    if (shards % group.size() != 0) continue;
    for (const int threads : {1, 2}) {
      auto reducer = make_reducer(group, with_way(options_for(shards, Reduction::tree)));
      WorkerPool workers(threads);

      for (std::uint32_t step = 0; step < 3; ++step) {
        const auto sum = run_step(*reducer, workers, step);

        ASSERT_EQ(sum.size(), 1101u);
        EXPECT_EQ(test::wrong_bits(sum, step, shards), 0u)
            << shards << " shards, " << threads << " threads, step " << step;
      }
    }
  }
}

TEST_P(TreeReducerMpi, CutsLargeBucketsWithoutChangingBits) {
  ProcessGroup& group = annulus::test::session().group();
  // More runs than are under way at once, and a last run that is shorter than one element per rank.
  const std::size_t elements = std::size_t{65536} * static_cast<std::size_t>(group.size()) * 6 + 3;
  const std::int64_t shards = group.size();
  auto reducer = make_reducer(group, with_way({.elements = elements,
                                               .buckets = {{0, 5}, {5, elements}},
                                               .shards = shards,
                                               .reduction = Reduction::tree}));
  WorkerPool workers(1);

  const auto sum = run_step(*reducer, workers, 7);

  EXPECT_EQ(test::wrong_bits(sum, 7, shards), 0u);
}

TEST(GradientReducerMpi, FastSumsSmallIntegersExactly) {
  ProcessGroup& group = annulus::test::session().group();
  const std::int64_t shards = 6 * group.size();  // several nodes a rank
  auto reducer = make_reducer(group, options_for(shards, Reduction::fast));

  for (int step = 0; step < 2; ++step) {
    for (std::int64_t shard = reducer->owned().begin; shard < reducer->owned().end; ++shard) {
      const auto gradient = reducer->begin_shard(shard);
      for (std::size_t i = 0; i < gradient.size(); ++i)
        gradient[i] = static_cast<float>(shard + 1) * static_cast<float>(i % 7 + 1);
      for (std::size_t bucket = 0; bucket < 3; ++bucket) reducer->bucket_ready(shard, bucket);
      reducer->progress();
    }
    const auto sum = reducer->finish();

    const auto all = static_cast<float>(shards * (shards + 1) / 2);
    for (std::size_t i = 0; i < sum.size(); ++i) ASSERT_EQ(sum[i], all * static_cast<float>(i % 7 + 1)) << i;
  }
}

TEST_P(TreeReducerMpi, ReducesEarlyBucketsBeforeTheLastIsReady) {
  ProcessGroup& group = annulus::test::session().group();
  auto reducer = make_reducer(group, with_way(options_for(group.size(), Reduction::tree)));
  const std::int64_t shard = reducer->owned().begin;
  const auto gradient = reducer->begin_shard(shard);
  for (std::size_t i = 0; i < gradient.size(); ++i) gradient[i] = test::awkward_value(0, shard, i);

  // Every rank reports bucket 0 and keeps the others back until its sum over all ranks has arrived in place.
  reducer->bucket_ready(shard, 0);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (test::wrong_bits(gradient.first(900), 0, group.size()) != 0) {
    reducer->progress();
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "bucket 0 was not reduced";
  }
  reducer->bucket_ready(shard, 1);
  reducer->bucket_ready(shard, 2);

  EXPECT_EQ(test::wrong_bits(reducer->finish(), 0, group.size()), 0u);
}

}  // namespace
}  // namespace annulus::comm
