// Vectors beside the images: resident and streaming sources give the same rows, batches carry them, and
// datasets that cannot be such vectors are named.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "io/dataset/dataset.hpp"
#include "io/dataset/synthetic_source.hpp"
#include "io/hdf5/file.hpp"
#include "io/loading/batch_loader.hpp"
#include "tests/io/io_test_support.hpp"

namespace annulus::io {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t kRows = 23;
constexpr std::int64_t kFeatures = 3;

float feature(std::uint64_t row, std::uint64_t k) {
  return 0.25f * static_cast<float>(row) - static_cast<float>(k);
}

std::vector<float> features() {
  std::vector<float> values;
  for (std::uint64_t row = 0; row < kRows; ++row)
    for (std::uint64_t k = 0; k < kFeatures; ++k) values.push_back(feature(row, k));
  return values;
}

/// A split of 2x2 images with (N, 3) float32 `features`, (N) float64 `momentum` and (N, 1) int32 `charge`.
std::string write_file(const std::vector<float>& rows, std::int64_t chunk_rows) {
  const std::string path = fresh_path("vectors.h5");
  Hdf5File file = Hdf5File::create(path);
  const auto n = static_cast<std::int64_t>(kRows);
  const Hdf5Layout layout{.chunk_rows = chunk_rows};
  file.write("train/images", {n, 2, 2, 1},
             std::span<const std::uint8_t>(std::vector<std::uint8_t>(4 * kRows)), layout);
  std::vector<std::int32_t> labels(kRows), charge(kRows);
  std::vector<double> momentum(kRows);
  for (std::size_t row = 0; row < kRows; ++row) {
    labels[row] = static_cast<std::int32_t>(row % 2);
    charge[row] = row % 2 == 0 ? -1 : 1;
    momentum[row] = 1.5 * static_cast<double>(row);
  }
  file.write("train/labels", {n}, std::span<const std::int32_t>(labels));
  file.write("train/features", {static_cast<std::int64_t>(rows.size()) / kFeatures, kFeatures},
             std::span<const float>(rows), layout);
  file.write("train/momentum", {n}, std::span<const double>(momentum));
  file.write("train/charge", {n, 1}, std::span<const std::int32_t>(charge));
  file.write("train/cube", {n, 1, 1}, std::span<const double>(momentum));
  file.close();
  return path;
}

DatasetOptions options_for(const std::string& path, std::vector<VectorColumn> vectors) {
  return {.path = path, .vectors = std::move(vectors)};
}

struct Layout {
  const char* name;
  std::int64_t chunk_rows;
  std::uint64_t resident_bytes;
};

class VectorLayouts : public testing::TestWithParam<Layout> {};

TEST_P(VectorLayouts, GiveTheSameRows) {
  DatasetOptions options =
      options_for(write_file(features(), GetParam().chunk_rows),
                  {{"charge", "train/charge"}, {"track", "train/features"}, {"momentum", "train/momentum"}});
  options.resident_bytes = GetParam().resident_bytes;
  const auto source = open_dataset(options, make_private_memory);
  const std::vector<NamedVector> expected{{"charge", 1}, {"track", 3}, {"momentum", 1}};
  ASSERT_EQ(source->info().vectors, expected);
  EXPECT_EQ(source->info().resident, GetParam().resident_bytes > 0);
  const std::vector<std::uint64_t> samples{22, 0, 7, 8, 7, 21};
  std::vector<std::byte> pixels(samples.size() * 4);
  std::vector<std::int32_t> labels(samples.size());
  std::vector<float> vectors(samples.size() * 5);

  source->read(samples, {pixels, labels, vectors});

  for (std::size_t i = 0; i < samples.size(); ++i) {
    const std::uint64_t row = samples[i];
    EXPECT_EQ(labels[i], static_cast<std::int32_t>(row % 2));
    EXPECT_EQ(vectors[i * 5], row % 2 == 0 ? -1.0f : 1.0f);
    for (std::uint64_t k = 0; k < kFeatures; ++k) EXPECT_EQ(vectors[i * 5 + 1 + k], feature(row, k)) << row;
    EXPECT_EQ(vectors[i * 5 + 4], 1.5f * static_cast<float>(row));
  }
}

INSTANTIATE_TEST_SUITE_P(Sources, VectorLayouts,
                         testing::Values(Layout{"Resident", 0, 1 << 20}, Layout{"ResidentChunks", 5, 1 << 20},
                                         Layout{"StreamedChunks", 5, 0}, Layout{"StreamedRuns", 0, 0}),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(VectorColumns, MayBeLeftOutOfARead) {
  const auto source = open_dataset(options_for(write_file(features(), 0), {{"track", "train/features"}}),
                                   make_private_memory);
  std::vector<std::byte> pixels(4);
  std::vector<std::int32_t> labels(1);

  EXPECT_NO_THROW(source->read(std::vector<std::uint64_t>{3}, {pixels, labels}));
}

TEST(VectorColumns, BadOnesAreNamed) {
  const auto message = [](const std::string& dataset, std::vector<float> rows) {
    return error_of([&] {
      open_dataset(options_for(write_file(rows, 0), {{"track", dataset}}), make_private_memory);
    });
  };
  std::vector<float> with_nan = features(), short_rows = features();
  with_nan[4 * kFeatures + 1] = std::numeric_limits<float>::quiet_NaN();
  short_rows.resize(short_rows.size() - kFeatures);

  const std::string nan = message("train/features", with_nan);
  EXPECT_THAT(nan, HasSubstr("train/features: row 4 holds the value nan (value 1 of the row)"));
  const std::string rows = message("train/features", short_rows);
  EXPECT_THAT(rows, HasSubstr("train/features, the network's input track, has 22"));
  EXPECT_THAT(message("train/feature", features()), HasSubstr("train/features"));  // the nearest name
  EXPECT_THAT(message("train/cube", features()), HasSubstr("shape (23, 1, 1)"));
}

TEST(VectorColumns, StreamedNanIsNamedWhenItIsRead) {
  std::vector<float> rows = features();
  rows[17 * kFeatures] = std::numeric_limits<float>::infinity();
  DatasetOptions options = options_for(write_file(rows, 5), {{"track", "train/features"}});
  options.resident_bytes = 0;
  const auto source = open_dataset(options, make_private_memory);
  std::vector<std::byte> pixels(4);
  std::vector<std::int32_t> labels(1);
  std::vector<float> vectors(kFeatures);

  EXPECT_NO_THROW(source->read(std::vector<std::uint64_t>{14}, {pixels, labels, vectors}));
  EXPECT_THAT(error_of([&] {
                source->read(std::vector<std::uint64_t>{18}, {pixels, labels, vectors});
              }),
              HasSubstr("row 17 holds the value inf"));
}

TEST(VectorColumns, BatchesCarryTheRowsOfTheirSamples) {
  const auto source = open_dataset(options_for(write_file(features(), 0), {{"track", "train/features"}}),
                                   make_private_memory);
  const ShardedSampler sampler({.samples = kRows, .batch = 8, .shards = 4, .seed = 3});
  const Generator generator(source->info(), {}, {}, 3);
  for (const BatchContent content : {BatchContent::images, BatchContent::pixels}) {
    BatchLoader loader(*source, sampler, generator,
                       {.first_shard = 1, .owned_shards = 3, .content = content, .epochs = 1});
    loader.seek(0, 0);
    for (std::uint64_t step = 0; step < sampler.steps_per_epoch(); ++step) {
      const Batch& batch = loader.next();
      const float* row = batch.vectors.data();
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(row) % 64, 0u);
      for (const Shard& shard : batch.shards) {
        ASSERT_EQ(shard.vectors.size(), shard.samples.size() * kFeatures);
        for (std::size_t i = 0; i < shard.samples.size(); ++i, row += kFeatures)
          for (std::uint64_t k = 0; k < kFeatures; ++k) {
            EXPECT_EQ(row[k], feature(shard.samples[i], k));
            EXPECT_EQ(shard.vectors[i * kFeatures + k], row[k]);
          }
      }
    }
  }
}

TEST(VectorColumns, SyntheticVectorsFollowFromTheSample) {
  const auto source =
      make_synthetic_source({.samples = 50, .shape = {2, 2, 1}, .vectors = {{"a", 2}, {"b", 3}}});
  std::vector<std::byte> pixels(3 * 4);
  std::vector<std::int32_t> labels(3);
  std::vector<float> one(3 * 5), other(3 * 5);

  source->read(std::vector<std::uint64_t>{4, 9, 4}, {pixels, labels, one});
  source->read(std::vector<std::uint64_t>{9, 4, 7}, {pixels, labels, other});

  const auto row = [](const std::vector<float>& rows, std::size_t i) {
    return std::vector<float>(rows.begin() + 5 * static_cast<std::ptrdiff_t>(i),
                              rows.begin() + 5 * static_cast<std::ptrdiff_t>(i + 1));
  };
  EXPECT_EQ(row(one, 0), row(one, 2));
  EXPECT_EQ(row(one, 0), row(other, 1));
  EXPECT_EQ(row(one, 1), row(other, 0));
  EXPECT_NE(row(one, 0), row(one, 1));
  for (const float value : one) EXPECT_LE(std::abs(value), 1.0f);
}

TEST(EndlessSampler, EveryEpochHasSamplesOfItsOwnInOrder) {
  const ShardedSampler sampler(
      {.samples = 10, .batch = 4, .shards = 2, .seed = 5, .shuffle = true, .endless = true});

  EXPECT_EQ(sampler.steps_per_epoch(), 3u);
  EXPECT_EQ(sampler.shard_samples(0, 0, 1), (std::vector<std::uint64_t>{2, 3}));
  EXPECT_EQ(sampler.shard_samples(0, 2, 0), (std::vector<std::uint64_t>{8, 9}));
  EXPECT_EQ(sampler.shard_samples(3, 1, 0), (std::vector<std::uint64_t>{34, 35}));
}

}  // namespace
}  // namespace annulus::io
