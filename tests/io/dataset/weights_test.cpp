// Weights of samples: what of them a source gives out, wherever its samples lie, and what is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "base/node_memory.hpp"
#include "io/dataset/content_hash.hpp"
#include "io/dataset/dataset.hpp"
#include "io/dataset/subset.hpp"
#include "io/hdf5/file.hpp"
#include "tests/io/io_test_support.hpp"

namespace annulus::io {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

template <class Value>
std::string written(const std::vector<Value>& weights, const Extents& extents) {
  const std::string path = fresh_path("data.h5");
  Hdf5File file = Hdf5File::create(path);
  file.write<std::uint8_t>("train/images", {4, 2, 2, 1}, std::vector<std::uint8_t>(16, 7), {.chunk_rows = 2});
  file.write<std::int32_t>("train/labels", {4}, std::vector<std::int32_t>{0, 1, 0, 1});
  file.write<Value>("train/weights", extents, weights);
  file.close();
  return path;
}

std::unique_ptr<SampleSource> opened(const std::string& path, std::uint64_t resident_bytes = 1 << 20,
                                     std::uint64_t limit = 0) {
  return open_dataset(
      {.path = path, .weights = "train/weights", .limit = limit, .resident_bytes = resident_bytes},
      make_private_memory);
}

std::string refusal_of(const std::vector<float>& weights, const Extents& extents) {
  return error_of([&] { opened(written(weights, extents)); });
}

TEST(SampleWeights, AreThoseOfTheSamplesWhereverTheyLie) {
  const std::string path = written<double>({0.5, 0, 2, 3}, {4, 1});
  const auto rows = std::make_shared<const RowSet>(std::vector<bool>{false, true, false, true});

  EXPECT_THAT(opened(path)->all_weights(), ElementsAre(0.5f, 0, 2, 3));
  EXPECT_THAT(opened(path, 0)->all_weights(), ElementsAre(0.5f, 0, 2, 3)) << "streamed";
  EXPECT_THAT(opened(path, 0, 3)->all_weights(), ElementsAre(0.5f, 0, 2)) << "the first three";
  const auto part = make_subset(opened(path, 0), rows, "part");
  EXPECT_THAT(part->all_weights(), ElementsAre(0, 3));
  EXPECT_THAT(keep_in_memory(*part, make_private_memory)->all_weights(), ElementsAre(0, 3));
}

TEST(SampleWeights, ArePartOfTheContent) {
  const auto one = opened(written<std::int32_t>({1, 2, 3, 4}, {4}));
  const auto other = opened(written<std::int32_t>({1, 2, 4, 3}, {4}));

  EXPECT_EQ(content_hash(*one), content_hash(*opened(written<float>({1, 2, 3, 4}, {1, 4}))));
  EXPECT_NE(content_hash(*one), content_hash(*other));
}

TEST(SampleWeights, ThatAreNoneAreRefusedWithTheirRow) {
  EXPECT_THAT(refusal_of({1, 2, -0.5, 1}, {4}), HasSubstr("train/weights: row 2 has the weight -0.5, but"));
  EXPECT_THAT(refusal_of({1, std::numeric_limits<float>::quiet_NaN(), 1, 1}, {4}),
              HasSubstr("row 1 has the weight nan, which is not a finite"));
  EXPECT_THAT(error_of([&] {
                opened(written<double>({1, 1e300, 1, 1}, {4}));
              }),
              HasSubstr("row 1 has the weight inf"));
  EXPECT_THAT(refusal_of({1, 1, 1}, {3}), HasSubstr("has 3 weights, but there are 4 images"));
  EXPECT_THAT(refusal_of({1, 1, 1, 1}, {2, 2}), HasSubstr("has the shape (2, 2), but weights have"));
}

}  // namespace
}  // namespace annulus::io
