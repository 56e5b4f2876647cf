// Streams of a shuffle: every shard walks chunks of its own, so that ranks share the reading of a file out.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <random>
#include <set>
#include <vector>

#include "io/loading/sharded_sampler.hpp"

namespace annulus::io {
namespace {

constexpr std::uint64_t kChunk = 16;
constexpr std::int64_t kShards = 8;

/// 100 chunks, the last one short, 16 of them in the windows of all shards.
SamplerOptions usual() {
  return {.samples = 99 * kChunk + 5,
          .batch = 64,
          .shards = kShards,
          .seed = 4,
          .chunk = kChunk,
          .window_chunks = 16,
          .streams = kShards};
}

/// Loads of chunks by a reader, as a streaming source is one, of shards [first, first + count) that keeps the
/// last `slots` chunks, but drops one whose samples it has all seen at once.
std::uint64_t loads_of(const ShardedSampler& sampler, std::int64_t first, std::int64_t count,
                       std::size_t slots) {
  const SamplerOptions& options = sampler.options();
  std::vector<std::pair<std::uint64_t, std::uint64_t>> held;  // chunk, samples left; the last used at the end
  std::uint64_t loads = 0;
  for (std::uint64_t step = 0; step < sampler.steps_per_epoch(); ++step)
    for (std::int64_t shard = first; shard < first + count; ++shard)
      for (const std::uint64_t sample : sampler.shard_samples(1, step, shard)) {
        const std::uint64_t row = options.rows ? options.rows->row(sample) : sample;
        const std::uint64_t chunk = row / options.chunk;
        auto found = std::find_if(held.begin(), held.end(), [&](const auto& c) { return c.first == chunk; });
        auto entry = found != held.end()
                         ? *found
                         : std::pair{chunk, std::min(options.chunk, options.samples - chunk * options.chunk)};
        if (found != held.end())
          held.erase(found);
        else
          ++loads;
        if (--entry.second > 0) held.push_back(entry);
        if (held.size() > slots) held.erase(held.begin());
      }
  return loads;
}

TEST(StreamOrder, RanksTogetherReadEveryChunkOnceButForTheEndsOfStreams) {
  const ShardedSampler sampler(usual());
  constexpr std::uint64_t kChunks = 100;
  for (const std::int64_t ranks : {1, 2, 4, 8}) {
    const std::int64_t shards = kShards / ranks;
    std::uint64_t loads = 0;
    for (std::int64_t rank = 0; rank < ranks; ++rank)
      loads += loads_of(sampler, rank * shards, shards, static_cast<std::size_t>(2 * shards * 5 / 4) + 1);
    EXPECT_GE(loads, kChunks);
    EXPECT_LE(loads, kChunks + kShards - 1) << ranks << " ranks";
  }
}

TEST(StreamOrder, OneOrderForAllShardsIsReadByEveryRank) {
  SamplerOptions options = usual();
  options.streams = 1;
  const ShardedSampler sampler(options);

  EXPECT_GT(loads_of(sampler, 0, kShards / 2, 16) + loads_of(sampler, kShards / 2, kShards / 2, 16), 190u)
      << "what the streams are for";
}

TEST(StreamOrder, OfOneStreamIsThatOfShardsWithoutStreams) {
  SamplerOptions options = usual();
  options.streams = 1;
  const ShardedSampler whole(options);
  options.shards = 1;
  const ShardedSampler single(options);
  for (const std::uint64_t step : {0, 7, 24}) {
    std::vector<std::uint64_t> together;
    for (std::int64_t shard = 0; shard < kShards; ++shard)
      for (const std::uint64_t sample : whole.shard_samples(3, step, shard)) together.push_back(sample);
    EXPECT_EQ(together, single.shard_samples(3, step, 0));
  }
}

/// How far samples move from where the file has them, as a share of the file: a third in a perfect shuffle.
double mean_displacement(const ShardedSampler& sampler, std::uint64_t epoch) {
  double sum = 0;
  std::uint64_t place = 0;
  for (std::uint64_t step = 0; step < sampler.steps_per_epoch(); ++step)
    for (std::int64_t shard = 0; shard < kShards; ++shard)
      for (const std::uint64_t sample : sampler.shard_samples(epoch, step, shard)) {
        sum += std::abs(static_cast<double>(sample) - static_cast<double>(place));
        ++place;
      }
  return sum / static_cast<double>(place) / static_cast<double>(place);
}

TEST(StreamOrder, MovesSamplesAsFarAsAPerfectShuffle) {
  const ShardedSampler sampler(usual());
  double sum = 0;
  for (std::uint64_t epoch = 0; epoch < 20; ++epoch) sum += mean_displacement(sampler, epoch);
  EXPECT_NEAR(sum / 20, 1.0 / 3, 0.02);
}

TEST(StreamOrder, BatchesOfAFileSortedByClassHoldManyClasses) {
  const ShardedSampler sampler(usual());
  const std::uint64_t of_class = usual().samples / 10 + 1;
  double classes = 0;
  for (std::uint64_t step = 0; step + 1 < sampler.steps_per_epoch(); ++step) {
    std::set<std::uint64_t> seen;
    for (std::int64_t shard = 0; shard < kShards; ++shard)
      for (const std::uint64_t sample : sampler.shard_samples(0, step, shard)) seen.insert(sample / of_class);
    classes += static_cast<double>(seen.size());
  }
  // 16 chunks of 10 classes: 10 * (1 - 0.9^16) = 8.1 if they were all in a batch in equal parts.
  EXPECT_GT(classes / static_cast<double>(sampler.steps_per_epoch() - 1), 7.0);
}

TEST(StreamOrder, WindowsOfStreamsDoNotBeginTogether) {
  SamplerOptions options = usual();
  options.samples = 8 * 16 * kChunk;  // 16 chunks and 16 steps a stream, windows of 4 chunks and 4 steps
  options.batch = static_cast<std::int64_t>(8 * kChunk);
  options.window_chunks = 32;
  const ShardedSampler sampler(options);
  std::map<std::uint64_t, int> begun;  // step -> shards that came to new chunks in it
  std::vector<std::set<std::uint64_t>> seen(kShards);
  for (std::uint64_t step = 0; step < sampler.steps_per_epoch(); ++step)
    for (std::int64_t shard = 0; shard < kShards; ++shard) {
      const std::size_t before = seen[static_cast<std::size_t>(shard)].size();
      for (const std::uint64_t sample : sampler.shard_samples(0, step, shard))
        seen[static_cast<std::size_t>(shard)].insert(sample / kChunk);
      begun[step] += seen[static_cast<std::size_t>(shard)].size() > before + 1;
    }
  int most = 0;
  for (const auto& [step, shards] : begun)
    if (step > 0) most = std::max(most, shards);
  EXPECT_LE(most, 4) << "all streams read at once";
}

TEST(StreamOrder, APartOfAFileHasItsStreamsToo) {
  std::mt19937 random(8);
  std::vector<bool> chosen(100 * kChunk);
  for (std::uint64_t row = 0; row < chosen.size(); ++row)
    chosen[row] = random() % 3 != 0 && row / kChunk != 2 && row / kChunk != 5;
  SamplerOptions options = usual();
  options.rows = std::make_shared<const RowSet>(chosen);
  options.samples = options.rows->size();
  const ShardedSampler sampler(options);

  std::vector<int> times(options.samples);
  std::set<std::uint64_t> first_half, second_half;
  for (std::uint64_t step = 0; step < sampler.steps_per_epoch(); ++step)
    for (std::int64_t shard = 0; shard < kShards; ++shard)
      for (const std::uint64_t sample : sampler.shard_samples(2, step, shard)) {
        ++times[sample];
        (shard < kShards / 2 ? first_half : second_half).insert(options.rows->row(sample) / kChunk);
      }
  EXPECT_EQ(std::count(times.begin(), times.end(), 1), static_cast<std::ptrdiff_t>(options.samples));
  EXPECT_LE(first_half.size() + second_half.size(), 98u + 1u) << "two ranks share one chunk at most";
}

TEST(StreamOrder, AsStoredEveryShardHasARunOfTheFile) {
  SamplerOptions options = usual();
  options.shuffle = false;
  options.samples = 21;
  options.batch = 8;
  options.shards = 4;
  options.streams = 4;
  const ShardedSampler sampler(options);

  EXPECT_EQ(sampler.shard_samples(0, 0, 0), (std::vector<std::uint64_t>{0, 1}));
  EXPECT_EQ(sampler.shard_samples(0, 1, 0), (std::vector<std::uint64_t>{2, 3}));
  EXPECT_EQ(sampler.shard_samples(0, 2, 0), (std::vector<std::uint64_t>{4, 5})) << "the tail: 2, 2, 1, 0";
  EXPECT_EQ(sampler.shard_samples(0, 0, 2), (std::vector<std::uint64_t>{12, 13}));
  EXPECT_EQ(sampler.shard_samples(0, 2, 2), (std::vector<std::uint64_t>{16}));
  EXPECT_EQ(sampler.shard_samples(0, 1, 3), (std::vector<std::uint64_t>{19, 20}));
  EXPECT_TRUE(sampler.shard_samples(0, 2, 3).empty());
}

TEST(StreamOrder, HasAsManyStreamsAsFindAChunkInTheWindow) {
  EXPECT_EQ(shuffle_streams(8, 100), 8);
  EXPECT_EQ(shuffle_streams(8, 8), 8);
  EXPECT_EQ(shuffle_streams(8, 7), 4);
  EXPECT_EQ(shuffle_streams(12, 5), 4);
  EXPECT_EQ(shuffle_streams(7, 6), 1);
  EXPECT_EQ(shuffle_streams(6, 0), 1);
}

}  // namespace
}  // namespace annulus::io
