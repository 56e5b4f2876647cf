// The reducer of one rank: tree bits on threads, no copies, few buffers, and a contract that is enforced.
#include "comm/host/gradient_reducer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <set>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#include "base/worker_pool.hpp"
#include "comm/host/local_sum.hpp"
#include "tests/comm/host/reducer_oracle.hpp"

namespace annulus::comm {
namespace {

class ReducerTest : public testing::Test {
 protected:
  std::unique_ptr<GradientReducer> reducer(std::int64_t shards, std::vector<Bucket> buckets) {
    const std::size_t elements = buckets.back().end;
    return make_reducer(*group_, {.elements = elements, .buckets = std::move(buckets), .shards = shards});
  }
  std::unique_ptr<ProcessGroup> group_ = make_serial_group();
};

TEST_F(ReducerTest, OneShardIsHandedThroughWithoutACopy) {
  auto alone = reducer(1, {{0, 100}});
  const auto gradient = alone->begin_shard(0);
  gradient[99] = -0.0f;
  alone->bucket_ready(0, 0);

  const auto sum = alone->finish();

  EXPECT_EQ(sum.data(), gradient.data());
  EXPECT_EQ(sum.size(), 100u);
  EXPECT_EQ(std::bit_cast<std::uint32_t>(sum[99]), 0x80000000u);
  EXPECT_EQ(alone->begin_shard(0).data(), gradient.data()) << "the buffer is used again";
}

TEST_F(ReducerTest, BuffersAreAligned) {
  auto four = reducer(4, {{0, 37}});

  for (std::int64_t shard = 0; shard < 4; ++shard)
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(four->begin_shard(shard).data()) % 64, 0u);
}

TEST_F(ReducerTest, SumsTheBitsOfTheSerialTreeForAnyOrderOfShards) {
  for (const std::int64_t shards : {2, 3, 5, 8, 13}) {
    auto any = reducer(shards, {{0, 40}, {40, 100}});
    std::vector<std::int64_t> order(static_cast<std::size_t>(shards));
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int64_t>(i);

    for (std::uint32_t step = 0; step < 6; ++step) {
      for (const std::int64_t shard : order) test::produce_shard(*any, step, shard);
      EXPECT_EQ(test::wrong_bits(any->finish(), step, shards), 0u) << shards << " shards, step " << step;
      RandomStream stream(1, Purpose::test, step, 0);
      for (std::size_t i = order.size() - 1; i > 0; --i) std::swap(order[i], order[stream.next() % (i + 1)]);
    }
  }
}

TEST_F(ReducerTest, SumsTheSameBitsOnManyThreads) {
  constexpr std::int64_t kShards = 24;
  auto busy = reducer(kShards, {{0, 64}, {64, 65}, {65, 500}});
  WorkerPool workers(4);

  for (std::uint32_t step = 0; step < 20; ++step) {
    std::atomic<std::int64_t> next{0};
    workers.run([&](int) {
      for (std::int64_t shard; (shard = next++) < kShards;) test::produce_shard(*busy, step, shard);
    });
    EXPECT_EQ(test::wrong_bits(busy->finish(), step, kShards), 0u) << "step " << step;
  }
}

TEST_F(ReducerTest, KeepsTheResultUntilTheNextShardBegins) {
  auto two = reducer(2, {{0, 50}});
  for (std::int64_t shard = 0; shard < 2; ++shard) test::produce_shard(*two, 3, shard);

  const auto sum = two->finish();
  two->progress();

  EXPECT_EQ(test::wrong_bits(sum, 3, 2), 0u);
}

// In shard order a tree over V leaves needs log2(V) + 1 buffers, not V, and no more in later steps.
TEST(LocalSum, NeedsFewBuffersInShardOrder) {
  LocalSum local({.elements = 8, .buckets = {{0, 8}}, .shards = 64}, {0, 64});
  std::set<const float*> buffers;

  for (int step = 0; step < 3; ++step) {
    for (std::int64_t shard = 0; shard < 64; ++shard) {
      const std::span<float> buffer = local.begin_shard(shard);
      buffers.insert(buffer.data());
      std::ranges::fill(buffer, 1.0f);
      local.bucket_ready(shard, 0);
    }
    EXPECT_EQ(local.node(0)[7], 64.0f);
    local.restart();
  }

  EXPECT_EQ(buffers.size(), 7u);
}

TEST_F(ReducerTest, RefusesUseOutOfContract) {
  auto two = reducer(2, {{0, 10}, {10, 20}});
  EXPECT_THROW(two->bucket_ready(0, 0), std::logic_error) << "not begun";
  EXPECT_THROW(two->begin_shard(2), std::logic_error) << "not owned";
  EXPECT_THROW(two->bucket_ready(-1, 0), std::logic_error) << "not owned";
  two->begin_shard(0);
  EXPECT_THROW(two->begin_shard(0), std::logic_error) << "begun twice";
  EXPECT_THROW(two->bucket_ready(0, 2), std::logic_error) << "no such bucket";
  two->bucket_ready(0, 0);
  EXPECT_THROW(two->finish(), std::logic_error) << "not all buckets are ready";
  EXPECT_THROW(two->bucket_ready(0, 0), std::logic_error) << "reported twice";
}

TEST_F(ReducerTest, RefusesBucketsOutOfOrder) {
  auto one = reducer(1, {{0, 10}, {10, 20}});
  one->begin_shard(0);

  EXPECT_THROW(one->bucket_ready(0, 1), std::logic_error);
}

TEST_F(ReducerTest, RefusesBucketsThatDoNotCover) {
  const auto make = [&](std::size_t elements, std::vector<Bucket> buckets) {
    return make_reducer(*group_, {.elements = elements, .buckets = std::move(buckets)});
  };
  EXPECT_THROW(make(10, {{0, 5}}), std::logic_error);
  EXPECT_THROW(make(10, {{0, 5}, {6, 10}}), std::logic_error);
  EXPECT_THROW(make(10, {{0, 5}, {5, 5}, {5, 10}}), std::logic_error);
  EXPECT_THROW(make(0, {}), std::logic_error);
  EXPECT_NO_THROW(make(10, {{0, 5}, {5, 10}}));
}

std::vector<std::size_t> ends(const std::vector<Bucket>& buckets) {
  std::vector<std::size_t> result;
  for (const Bucket& bucket : buckets) result.push_back(bucket.end);
  return result;
}

TEST(MakeBuckets, GathersWholeTensorsUntilTheSizeIsReached) {
  const std::vector<std::size_t> sizes{10, 20, 5, 100, 1, 1};

  EXPECT_EQ(ends(make_buckets(sizes, 30)), (std::vector<std::size_t>{30, 135, 137}));
  EXPECT_EQ(ends(make_buckets(sizes, 1000)), (std::vector<std::size_t>{137}));
  EXPECT_EQ(ends(make_buckets(sizes, 1)), (std::vector<std::size_t>{10, 30, 35, 135, 136, 137}));
  EXPECT_EQ(ends(make_buckets(std::vector<std::size_t>{0, 4, 0}, 0)), (std::vector<std::size_t>{4}));
}

}  // namespace
}  // namespace annulus::comm
