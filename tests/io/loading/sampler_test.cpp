// Every sample exactly once per epoch, whatever the sizes, and an order that is a pure function of its key.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <set>

#include "base/error.hpp"
#include "io/loading/sharded_sampler.hpp"

namespace annulus::io {
namespace {

std::vector<std::uint64_t> epoch_order(const ShardedSampler& sampler, std::uint64_t epoch) {
  std::vector<std::uint64_t> order;
  for (std::uint64_t step = 0; step < sampler.steps_per_epoch(); ++step)
    for (std::int64_t shard = 0; shard < sampler.options().shards; ++shard) {
      const auto items = sampler.shard_samples(epoch, step, shard);
      order.insert(order.end(), items.begin(), items.end());
    }
  return order;
}

std::vector<std::uint64_t> iota(std::uint64_t count) {
  std::vector<std::uint64_t> items(count);
  std::iota(items.begin(), items.end(), 0);
  return items;
}

std::string describe(const SamplerOptions& o) {
  return "N " + std::to_string(o.samples) + " B " + std::to_string(o.batch) + " V " +
         std::to_string(o.shards) + " chunk " + std::to_string(o.chunk) + " window " +
         std::to_string(o.window_chunks) + " streams " + std::to_string(o.streams) + " seed " +
         std::to_string(o.seed);
}

SamplerOptions random_options(std::mt19937& random) {
  const auto draw = [&](std::uint64_t low, std::uint64_t high) {
    return std::uniform_int_distribution<std::uint64_t>(low, high)(random);
  };
  const auto shards = static_cast<std::int64_t>(draw(1, 9));
  const auto window = draw(1, 12);
  return {.samples = draw(0, 400),
          .batch = shards * static_cast<std::int64_t>(draw(1, 20)),
          .shards = shards,
          .seed = draw(0, 1u << 30),
          .chunk = draw(0, 2) == 0 ? 1 : draw(1, 60),
          .window_chunks = window,
          .streams = draw(0, 1) == 0 ? 1 : shuffle_streams(shards, window)};
}

TEST(ShardedSampler, VisitsEverySampleOnceForRandomSizes) {
  std::mt19937 random(11);
  for (int round = 0; round < 400; ++round) {
    const SamplerOptions options = random_options(random);
    const ShardedSampler sampler(options);

    auto order = epoch_order(sampler, static_cast<std::uint64_t>(round));

    std::sort(order.begin(), order.end());
    ASSERT_EQ(order, iota(options.samples)) << describe(options);
  }
}

TEST(ShardedSampler, CutsStepsAndShardsAtFixedPositions) {
  const ShardedSampler sampler({.samples = 21, .batch = 8, .shards = 4, .shuffle = false});

  EXPECT_EQ(sampler.steps_per_epoch(), 3u);
  EXPECT_EQ(sampler.samples_in_step(0), 8);
  EXPECT_EQ(sampler.samples_in_step(2), 5);
  EXPECT_EQ(sampler.samples_in_step(3), 0);
  EXPECT_EQ(sampler.shard_samples(0, 1, 2), (std::vector<std::uint64_t>{12, 13}));
  EXPECT_EQ(sampler.shard_samples(0, 2, 2), (std::vector<std::uint64_t>{20}));
  EXPECT_TRUE(sampler.shard_samples(0, 2, 3).empty());
}

TEST(ShardedSampler, GivesFewerSamplesThanShardsToTheFirstShards) {
  const ShardedSampler sampler({.samples = 2, .batch = 32, .shards = 8, .seed = 4});

  EXPECT_EQ(sampler.steps_per_epoch(), 1u);
  EXPECT_EQ(sampler.shard_samples(0, 0, 0).size(), 2u);
  EXPECT_TRUE(sampler.shard_samples(0, 0, 1).empty());
}

TEST(ShardedSampler, OrderDependsOnSeedAndEpochOnly) {
  for (const std::uint64_t chunk : {1u, 16u}) {
    const SamplerOptions options{
        .samples = 300, .batch = 20, .shards = 4, .seed = 7, .chunk = chunk, .window_chunks = 3};
    SamplerOptions other_shards = options;
    other_shards.batch = 50;
    other_shards.shards = 2;
    SamplerOptions other_seed = options;
    other_seed.seed = 8;

    const auto order = epoch_order(ShardedSampler(options), 5);

    EXPECT_EQ(order, epoch_order(ShardedSampler(options), 5));
    EXPECT_EQ(order, epoch_order(ShardedSampler(other_shards), 5)) << "the order must not know the batch";
    EXPECT_NE(order, epoch_order(ShardedSampler(options), 6));
    EXPECT_NE(order, epoch_order(ShardedSampler(other_seed), 5));
    EXPECT_NE(order, iota(300));
  }
}

TEST(ShardedSampler, KeepsEachWindowToItsChunks) {
  const SamplerOptions options{
      .samples = 16 * 12 + 5, .batch = 1, .seed = 3, .chunk = 16, .window_chunks = 4};
  for (std::uint64_t epoch = 0; epoch < 20; ++epoch) {
    const auto order = epoch_order(ShardedSampler(options), epoch);
    std::set<std::uint64_t> finished;
    std::set<std::uint64_t> open;
    std::vector<std::uint64_t> left(13, 16);
    left[12] = 5;

    for (const std::uint64_t item : order) {
      const std::uint64_t chunk = item / 16;
      ASSERT_FALSE(finished.count(chunk));
      open.insert(chunk);
      ASSERT_LE(open.size(), 4u) << "more chunks in use than a window holds";
      if (--left[chunk] == 0) finished.insert(chunk);
      if (std::all_of(open.begin(), open.end(), [&](auto c) { return left[c] == 0; })) open.clear();
    }
  }
}

TEST(ShardedSampler, MixesSamplesOfAWindow) {
  const SamplerOptions options{.samples = 256, .batch = 1, .seed = 3, .chunk = 16, .window_chunks = 4};

  const auto order = epoch_order(ShardedSampler(options), 0);

  std::set<std::uint64_t> chunks;
  for (int i = 0; i < 16; ++i) chunks.insert(order[static_cast<std::size_t>(i)] / 16);
  EXPECT_GT(chunks.size(), 1u) << "samples of one chunk came one after another";
}

TEST(ShardedSampler, ChunksAndTheirInsidesAreShuffledAnew) {
  constexpr std::uint64_t kChunk = 16;
  const SamplerOptions options{
      .samples = 8 * kChunk, .batch = 1, .seed = 3, .chunk = kChunk, .window_chunks = 1};
  std::set<std::vector<std::uint64_t>> chunk_orders;
  std::set<std::vector<std::uint64_t>> insides;
  for (std::uint64_t epoch = 0; epoch < 3; ++epoch) {
    const auto order = epoch_order(ShardedSampler(options), epoch);
    std::vector<std::uint64_t> chunks;
    for (auto window = order.begin(); window != order.end(); window += kChunk) {  // one chunk each
      chunks.push_back(*window / kChunk);
      std::vector<std::uint64_t> inside;
      std::transform(window, window + kChunk, std::back_inserter(inside),
                     [](auto item) { return item % kChunk; });
      insides.insert(inside);
    }
    chunk_orders.insert(chunks);
  }

  EXPECT_EQ(chunk_orders.size(), 3u) << "epochs visit the chunks in the same order";
  EXPECT_EQ(insides.size(), 24u) << "two of 16! orders are the same";
}

TEST(ShardedSampler, ShortChunkMovesOverTheWholeEpoch) {
  const SamplerOptions options{.samples = 8 * 9 + 1, .batch = 1, .seed = 5, .chunk = 9, .window_chunks = 1};
  std::set<std::size_t> places;
  for (std::uint64_t epoch = 0; epoch < 200; ++epoch) {
    const auto order = epoch_order(ShardedSampler(options), epoch);
    places.insert(static_cast<std::size_t>(std::find(order.begin(), order.end(), 72u) - order.begin()));
  }

  EXPECT_EQ(places.size(), 9u) << "the single sample of the short chunk sits before any of the full chunks";
}

TEST(ShardedSampler, RefusesShardsThatDoNotDivideTheBatch) {
  EXPECT_THROW(ShardedSampler({.samples = 10, .batch = 10, .shards = 4}), UsageError);
  EXPECT_THROW(ShardedSampler({.samples = 10, .batch = 0, .shards = 1}), UsageError);
}

/// Rows of a file in chunks of 16, of which about a third is not there, two whole chunks among them.
std::shared_ptr<const RowSet> two_thirds_of(std::uint64_t rows) {
  std::mt19937 random(8);
  std::vector<bool> chosen(rows);
  for (std::uint64_t row = 0; row < rows; ++row)
    chosen[row] = random() % 3 != 0 && row / 16 != 2 && row / 16 != 5;
  return std::make_shared<const RowSet>(chosen);
}

TEST(ShardedSampler, APartOfAFileIsVisitedOnceAndInWindowsOfWholeChunks) {
  constexpr std::uint64_t kChunk = 16;
  constexpr std::uint64_t kWindow = 3;
  const auto rows = two_thirds_of(12 * kChunk + 5);
  const ShardedSampler sampler({.samples = rows->size(),
                                .batch = 8,
                                .shards = 2,
                                .seed = 4,
                                .chunk = kChunk,
                                .window_chunks = kWindow,
                                .rows = rows});
  for (const std::uint64_t epoch : {0, 1, 2}) {
    const auto order = epoch_order(sampler, epoch);

    auto sorted = order;
    std::sort(sorted.begin(), sorted.end());
    ASSERT_EQ(sorted, iota(rows->size()));
    // A reader that holds the last three chunks reads each of them once an epoch.
    std::vector<std::uint64_t> held;
    std::size_t loads = 0;
    for (const std::uint64_t sample : order) {
      const std::uint64_t chunk = rows->row(sample) / kChunk;
      const auto found = std::find(held.begin(), held.end(), chunk);
      if (found != held.end())
        held.erase(found);
      else
        ++loads;
      held.push_back(chunk);
      if (held.size() > kWindow) held.erase(held.begin());
    }
    EXPECT_EQ(loads, 11u);
  }
  EXPECT_NE(epoch_order(sampler, 0), epoch_order(sampler, 1));
  EXPECT_EQ(epoch_order(sampler, 1), epoch_order(ShardedSampler(sampler.options()), 1));
}

TEST(ShardedSampler, APartThatIsTheWholeHasNoChunkOfItsOwn) {
  const auto all = std::make_shared<const RowSet>(std::vector<bool>(7 * 16, true));
  const SamplerOptions whole{.samples = 7 * 16, .batch = 4, .seed = 9, .chunk = 16, .window_chunks = 2};
  SamplerOptions part = whole;
  part.rows = all;

  EXPECT_EQ(epoch_order(ShardedSampler(part), 3), epoch_order(ShardedSampler(whole), 3));
}

}  // namespace
}  // namespace annulus::io
