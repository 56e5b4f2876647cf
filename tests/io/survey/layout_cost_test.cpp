// What is said of the cost of reading is what reading counts.
#include "io/survey/layout_cost.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "io/dataset/dataset.hpp"
#include "io/survey/summary.hpp"
#include "tests/io/foreign_hdf5.hpp"
#include "tests/io/io_test_support.hpp"

namespace annulus::io {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t kSamples = 96;
constexpr Extents::value_type kSide = 12;
constexpr std::uint64_t kRow = kSide * kSide;

/// Images of noise, which no filter makes much smaller. @param chunk  of the images; empty: none
std::string written(const Extents& chunk, unsigned deflate = 0) {
  const std::string path = fresh_path("layout.h5");
  std::vector<std::uint8_t> pixels(kSamples * kRow);
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::uint8_t>(i * i % 13);
  std::vector<std::int64_t> labels(kSamples);
  Hdf5File file = Hdf5File::create(path);
  file.write<std::int64_t>("train/labels", {kSamples}, labels);
  file.close();
  const LibraryFile library(path);
  const hid_t plist = H5Pcreate(H5P_DATASET_CREATE);
  const std::vector<hsize_t> sizes(chunk.begin(), chunk.end());
  if (!chunk.empty()) H5Pset_chunk(plist, static_cast<int>(sizes.size()), sizes.data());
  if (deflate > 0) H5Pset_deflate(plist, deflate);
  const std::array<hsize_t, 4> extents{kSamples, kSide, kSide, 1};
  const hid_t space = H5Screate_simple(4, extents.data(), nullptr);
  const hid_t dataset =
      H5Dcreate2(library.id(), "train/images", H5T_NATIVE_UINT8, space, H5P_DEFAULT, plist, H5P_DEFAULT);
  H5Dwrite(dataset, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, pixels.data());
  H5Dclose(dataset), H5Sclose(space), H5Pclose(plist);
  return path;
}

/// Bytes that reading takes from the file, per stored byte.
/// @param together  samples of a request; after each nothing is kept   @param step  between samples
double read_cost(const std::string& path, std::uint64_t together, std::uint64_t step) {
  std::vector<std::uint64_t> samples(kSamples);
  for (std::uint64_t i = 0; i < kSamples; ++i) samples[i] = i * step % kSamples;
  std::uint64_t bytes = 0, stored = 0;
  for (std::uint64_t at = 0; at < kSamples; at += together) {
    const auto source = open_dataset({.path = path, .resident_bytes = 0}, make_private_memory);
    std::vector<std::byte> pixels(together * kRow);
    std::vector<std::int32_t> labels(together);
    source->read(std::span(samples).subspan(at, together), {pixels, labels});
    bytes += source->read_counts().read_bytes;
    stored = source->info().stored_bytes;
  }
  return static_cast<double>(bytes) / static_cast<double>(stored);
}

LayoutCost cost_of(const std::string& path) { return describe_dataset(path).splits.at(0).layout; }

class Layouts : public testing::TestWithParam<std::pair<Extents, unsigned>> {};

TEST_P(Layouts, CostWhatReadingCounts) {
  const auto& [chunk, deflate] = GetParam();
  const std::string path = written(chunk, deflate);

  const LayoutCost cost = cost_of(path);

  constexpr double kRounding = 0.02;  // averages are counted where the library reads, and whole bytes
  EXPECT_NEAR(cost.streamed, read_cost(path, kSamples, 5), kRounding);
  EXPECT_NEAR(cost.single_rows / read_cost(path, 1, 5), 1, kRounding);
}

INSTANTIATE_TEST_SUITE_P(Forms, Layouts,
                         testing::Values(std::pair<Extents, unsigned>{{}, 0},
                                         std::pair<Extents, unsigned>{{8, kSide, kSide, 1}, 0},
                                         std::pair<Extents, unsigned>{{8, kSide, kSide, 1}, 6},
                                         std::pair<Extents, unsigned>{{24, 5, 4, 1}, 0},
                                         std::pair<Extents, unsigned>{{24, 5, 4, 1}, 6}));

TEST(LayoutCost, TellsWhatIsWrongWithChunks) {
  const DatasetInfo info{.extents = {1 << 20, 64, 64, 3},
                         .type = {StoredType::Kind::unsigned_integer, 1},
                         .chunk = {1 << 15, 64, 64, 3},
                         .stored_bytes = std::uint64_t{12288} << 20};
  const auto trouble = [&](const Extents& chunk, const std::vector<std::string>& filters = {}) {
    DatasetInfo other = info;
    other.chunk = chunk;
    other.filters = filters;
    return layout_cost(other, 12288).trouble;
  };

  EXPECT_EQ(layout_cost(info, 12288).streamed, 0) << "384 MB do not fit into 320";
  EXPECT_THAT(layout_cost(info, 12288).trouble, HasSubstr("32768 images lie in one chunk (403 MB)"));
  EXPECT_THAT(trouble({128, 16, 64, 3}),
              HasSubstr("cut through the images, and each is put together from 4"));
  EXPECT_THAT(trouble({8192, 64, 64, 3}), HasSubstr("holds only 2 of its chunks"));
  EXPECT_THAT(trouble({128, 64, 64, 3}, {"lzf"}), HasSubstr("packed by lzf"));
  EXPECT_THAT(trouble({1, 64, 64, 3}), HasSubstr("chunks are read one by one"));
  EXPECT_THAT(trouble({}), HasSubstr("stored without chunks"));
  EXPECT_EQ(trouble({128, 64, 64, 3}, {"shuffle", "deflate"}), "");
  EXPECT_EQ(trouble({128, 64, 64, 3}), "");
}

TEST(LayoutCost, SeveralRanksReadChunksBetweenTheirRunsTwice) {
  const DatasetInfo info{.extents = {800, 64}, .chunk = {8, 64}, .stored_bytes = 51200};

  EXPECT_DOUBLE_EQ(layout_cost(info, 64, {.resident_bytes = 0}).most_streamed, 1.03);
}

}  // namespace
}  // namespace annulus::io
