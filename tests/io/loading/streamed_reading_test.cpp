// The order of streamed samples and what reading keeps fit each other: all ranks together read every chunk
// about once an epoch, however many ranks share the shards.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

#include "base/draw_key.hpp"
#include "io/dataset/dataset.hpp"
#include "io/dataset/subset.hpp"
#include "io/hdf5/file.hpp"
#include "io/loading/sharded_sampler.hpp"
#include "tests/io/io_test_support.hpp"

namespace annulus::io {
namespace {

constexpr std::int64_t kRows = 1597;  // the last chunk is short
constexpr std::uint64_t kChunk = 8;
constexpr std::uint64_t kChunks = 200;
constexpr std::uint64_t kRow = 16;
constexpr std::uint64_t kWindow = 16;
constexpr std::int64_t kShards = 8;

std::string written() {
  const std::string path = fresh_path("data.h5");
  std::mt19937 random(2);
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(kRows) * kRow);
  for (std::uint8_t& pixel : pixels) pixel = static_cast<std::uint8_t>(random());
  Hdf5File file = Hdf5File::create(path);
  file.write<std::uint8_t>("train/images", {kRows, 4, 4, 1}, pixels, {.chunk_rows = kChunk, .deflate = 1});
  file.close();
  return path;
}

/// A reader with memory for a window and a quarter, as a training has; of a part of the rows on demand.
std::unique_ptr<SampleSource> opened(const std::string& path, const std::shared_ptr<const RowSet>& part) {
  auto source = open_dataset(
      {.path = path, .labels = "", .resident_bytes = 0, .cache_bytes = kWindow * kChunk * kRow / 4 * 5},
      make_private_memory);
  if (part == nullptr) return source;
  return make_subset(std::move(source), part, "a part");
}

/// A tenth of the samples five times as often as the others.
std::shared_ptr<const DrawCounts> uneven_draws(std::uint64_t samples) {
  std::vector<float> weights(samples);
  for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = i % 10 == 3 ? 5 : 1;
  return make_weighted_draws(weights, std::vector<std::int32_t>(samples), 3);
}

/// What all ranks of a start read in these epochs.
ReadCounts read_by(std::int64_t ranks, std::uint64_t epochs, const std::shared_ptr<const RowSet>& part,
                   bool uneven) {
  const std::string path = written();
  ReadCounts sum;
  for (std::int64_t rank = 0; rank < ranks; ++rank) {
    const auto source = opened(path, part);
    const ShardedSampler sampler({.samples = source->info().samples,
                                  .batch = 32,
                                  .shards = kShards,
                                  .seed = 3,
                                  .chunk = kChunk,
                                  .window_chunks = kWindow,
                                  .streams = shuffle_streams(kShards, kWindow),
                                  .rows = part,
                                  .draws = uneven ? uneven_draws(source->info().samples) : nullptr});
    for (std::uint64_t epoch = 0; epoch < epochs; ++epoch) {
      if (uneven) source->expect_rows(sampler.drawn(epoch));
      for (std::uint64_t step = 0; step < sampler.steps_per_epoch(); ++step) {
        std::vector<std::uint64_t> samples;
        for (std::int64_t k = 0; k < kShards / ranks; ++k) {
          const auto more = sampler.shard_samples(epoch, step, rank * kShards / ranks + k);
          samples.insert(samples.end(), more.begin(), more.end());
        }
        if (uneven) std::ranges::transform(samples, samples.begin(), sample_of);
        std::vector<std::byte> pixels(samples.size() * kRow);
        std::vector<std::int32_t> labels(samples.size());
        source->read(samples, {pixels, labels});
      }
    }
    sum.read_bytes += source->read_counts().read_bytes;
    sum.chunks_unpacked += source->read_counts().chunks_unpacked;
  }
  return sum;
}

void expect_about_once(const std::shared_ptr<const RowSet>& part, bool uneven = false) {
  constexpr std::uint64_t kEpochs = 3;
  const double stored = static_cast<double>(opened(written(), nullptr)->info().stored_bytes);
  for (const std::int64_t ranks : {1, 2, 4, 8}) {
    SCOPED_TRACE(testing::Message() << ranks << " ranks");
    const ReadCounts read = read_by(ranks, kEpochs, part, uneven);
    EXPECT_LE(static_cast<double>(read.read_bytes), 1.1 * kEpochs * stored);
    EXPECT_LE(static_cast<double>(read.chunks_unpacked), 1.1 * kEpochs * kChunks);
    EXPECT_GE(static_cast<double>(read.chunks_unpacked), 0.85 * kEpochs * kChunks);
  }
}

TEST(StreamedReading, AllRanksTogetherReadTheDataOnceAnEpoch) { expect_about_once(nullptr); }

TEST(StreamedReading, AlsoWhereSomeSamplesAreDrawnMoreOften) {
  expect_about_once(nullptr, true);
  std::vector<bool> chosen(static_cast<std::size_t>(kRows));
  for (std::size_t row = 0; row < chosen.size(); ++row) chosen[row] = row % 4 != 1;
  expect_about_once(std::make_shared<const RowSet>(chosen), true);
}

TEST(StreamedReading, AlsoWhereAPartOfTheRowsIsHeldOut) {
  std::vector<bool> chosen(static_cast<std::size_t>(kRows));
  for (std::size_t row = 0; row < chosen.size(); ++row) chosen[row] = row % 4 != 1;
  expect_about_once(std::make_shared<const RowSet>(chosen));
}

}  // namespace
}  // namespace annulus::io
