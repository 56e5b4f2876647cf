// What `annulus data info` finds in the values of a file.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <sstream>

#include "io/survey/summary.hpp"
#include "tests/io/io_test_support.hpp"
#include "tests/support/source_dir.hpp"

namespace annulus::io {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

using Labels = std::vector<std::int32_t>;
using Values = std::vector<float>;

Labels labels_of(std::size_t count, const std::function<std::size_t(std::size_t)>& label) {
  Labels labels(count);
  for (std::size_t i = 0; i < count; ++i) labels[i] = static_cast<std::int32_t>(label(i));
  return labels;
}

/// Images of one value, that of `values` or their number.
std::string written(const Labels& labels, const Values& values = {}, const Hdf5Layout& layout = {}) {
  const std::string path = fresh_path("survey.h5");
  std::vector<float> pixels(labels.size());
  for (std::size_t i = 0; i < pixels.size(); ++i)
    pixels[i] = values.empty() ? static_cast<float>(i) : values[i];
  const auto rows = static_cast<std::int64_t>(labels.size());
  Hdf5File file = Hdf5File::create(path);
  file.write<float>("train/images", {rows, 1, 1, 1}, pixels, layout);
  file.write<std::int32_t>("train/labels", {rows}, labels);
  file.close();
  return path;
}

std::string text_of(const DatasetSummary& summary) {
  std::ostringstream text;
  print_dataset(summary, text);
  return text.str();
}

TEST(Survey, ASampleIsTakenFromAllOverTheFile) {
  constexpr std::size_t kRows = 20'000;
  const Labels labels = labels_of(kRows, [](std::size_t i) { return i % 2; });

  for (const Hdf5Layout& layout : {Hdf5Layout{}, Hdf5Layout{.chunk_rows = 300}}) {
    const DatasetSummary summary = describe_dataset(written(labels, {}, layout), PixelScan::sample);

    const SplitSummary& train = summary.splits.at(0);
    EXPECT_EQ(train.looked_at, 1024U);
    EXPECT_NEAR(train.statistics.at(0).mean, kRows / 2.0, kRows / 50.0);
    EXPECT_NEAR(train.statistics.at(0).deviation, kRows / std::sqrt(12.0), kRows / 50.0);
    EXPECT_THAT(text_of(summary), HasSubstr("of 1024 of the images, at even distances"));
  }
}

TEST(Survey, OfFewImagesAllAreLookedAt) {
  const DatasetSummary summary = describe_dataset(written({0, 1, 0}), PixelScan::sample);

  EXPECT_EQ(summary.splits.at(0).looked_at, 3U);
  EXPECT_DOUBLE_EQ(summary.splits.at(0).statistics.at(0).mean, 1);
  EXPECT_THAT(text_of(summary), Not(HasSubstr("at even distances")));
}

TEST(Survey, PixelsThatCannotBeUsedAreARemarkUnlessTheyAreAskedFor) {
  const std::string path = written({0, 1, 0}, {1, std::numeric_limits<float>::quiet_NaN(), 2});
  const std::string packed = source_dir() + "/tests/io/data/zstd.hdf5";

  EXPECT_THAT(
      text_of(describe_dataset(path, PixelScan::sample)),
      AllOf(HasSubstr("pixels: "), HasSubstr("row 1 holds the value nan"), HasSubstr("data: {path:")));
  EXPECT_THAT(error_of([&] { describe_dataset(path, PixelScan::read_all); }), HasSubstr("row 1 holds"));
  EXPECT_THAT(describe_dataset(packed, PixelScan::sample).splits.at(0).pixel_fault, HasSubstr("Zstandard"));
}

TEST(Survey, ManyValuesStandInOneLine) {
  const std::string path = fresh_path("flat.h5");
  std::vector<float> values(2 * 100);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  Hdf5File file = Hdf5File::create(path);
  file.write<float>("train/images", {2, 100}, values);
  file.write<std::int32_t>("train/labels", {2}, Labels{0, 1});
  file.close();

  EXPECT_THAT(text_of(describe_dataset(path, PixelScan::sample)),
              AllOf(HasSubstr("100 values: mean 99.5000, from 0 to 199"), Not(HasSubstr("value 7:"))));
  EXPECT_THAT(text_of(describe_dataset(path, PixelScan::read_all)), HasSubstr("value 7: mean 57.0000"));
}

TEST(Survey, RareAndMissingClassesAreTold) {
  const Labels rare = labels_of(300, [](std::size_t i) { return i < 5 ? 3U : i % 2; });
  const Labels even = labels_of(300, [](std::size_t i) { return i % 3; });

  EXPECT_THAT(text_of(describe_dataset(written(rare))),
              AllOf(HasSubstr("unequal classes: 3 has 5 samples, 1 has 148"),
                    HasSubstr("1 of 4 classes have no samples")));
  EXPECT_THAT(text_of(describe_dataset(written(even))),
              AllOf(Not(HasSubstr("unequal")), Not(HasSubstr("no samples"))));
}

TEST(Survey, RowsThatAreSortedByClassAreTold) {
  const Labels sorted = labels_of(300, [](std::size_t i) { return i / 100; });
  const Labels mixed = labels_of(300, [](std::size_t i) { return i * i % 7 % 3; });

  EXPECT_THAT(text_of(describe_dataset(written(sorted))),
              HasSubstr("sorted by class: 100 rows of one label follow one another"));
  EXPECT_THAT(text_of(describe_dataset(written(mixed))), Not(HasSubstr("sorted by class")));
}

std::string written_as(const Extents& extents, std::int64_t labels) {
  const std::string path = fresh_path("survey.h5");
  Hdf5File file = Hdf5File::create(path);
  file.write<std::uint8_t>("train/images", extents, std::vector<std::uint8_t>(element_count(extents)));
  file.write<std::int32_t>(
      "train/labels", {labels},
      labels_of(static_cast<std::size_t>(labels), [](std::size_t i) { return i % 2 + 1; }));
  file.close();
  return path;
}

TEST(Survey, OtherOrdersOfAxesAreTold) {
  EXPECT_THAT(text_of(describe_dataset(written_as({40, 3, 8, 6}, 40))),
              AllOf(HasSubstr("axes: NCHW"), HasSubstr("network.input: [8, 6, 3]"), HasSubstr("is a guess")));
  const std::string last = text_of(describe_dataset(written_as({9, 7, 3, 40}, 40)));
  EXPECT_THAT(last,
              AllOf(HasSubstr("counted by the last axis: data.axes=HWCN"),
                    HasSubstr("nothing can train on train as it stands"), Not(HasSubstr("network.input"))));
}

TEST(Survey, SeveralFilesAreSummedUp) {
  const std::vector<DatasetSummary> files{describe_dataset(written({0, 1, 0})),
                                          describe_dataset(written({1, 1, 2}))};
  std::ostringstream text;

  print_sum(files, text);

  EXPECT_THAT(text.str(), AllOf(HasSubstr("train: 6 samples"), HasSubstr("0 2, 1 3, 2 1"),
                                HasSubstr("data: {files: [" + files[0].path)));
}

}  // namespace
}  // namespace annulus::io
