// Equal images are counted and named, whatever their labels and wherever they lie.
#include "io/survey/duplicates.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "io/survey/summary.hpp"
#include "tests/io/io_test_support.hpp"

namespace annulus::io {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// A split of images of four bytes, all of one value each. @param images  (value, label)
void write_split(const std::string& path, const std::string& split,
                 const std::vector<std::pair<std::uint8_t, std::int32_t>>& images) {
  std::vector<std::uint8_t> pixels;
  std::vector<std::int32_t> labels;
  for (const auto& [value, label] : images) {
    pixels.insert(pixels.end(), 4, value);
    labels.push_back(label);
  }
  const auto rows = static_cast<std::int64_t>(images.size());
  Hdf5File file = split == "train" ? Hdf5File::create(path) : Hdf5File::open_to_change(path);
  file.write<std::uint8_t>(split + "/images", {rows, 2, 2, 1}, pixels);
  file.write<std::int32_t>(split + "/labels", {rows}, labels);
  file.close();
}

std::string two_splits() {
  const std::string path = fresh_path("equal.h5");
  write_split(path, "train", {{1, 0}, {2, 1}, {1, 0}, {3, 0}, {1, 1}, {4, 0}});
  write_split(path, "test", {{5, 0}, {3, 1}, {1, 0}, {3, 0}});
  return path;
}

TEST(Duplicates, AreCountedInsideASplitAndBetweenSplits) {
  const Duplicates found = find_duplicates(describe_dataset(two_splits()));

  ASSERT_EQ(found.repeats.size(), 3U);
  const Repeats& train = found.repeats[0];
  EXPECT_EQ(train.images, 2U);
  EXPECT_EQ(train.relabelled, 1U);
  EXPECT_EQ(train.first.at(0).row, 2U);
  EXPECT_EQ(train.first.at(0).other_row, 0U);
  EXPECT_EQ(train.first.at(1).row, 4U);
  const Repeats& test = found.repeats[1];
  EXPECT_EQ(test.images, 1U);
  EXPECT_EQ(test.relabelled, 1U);
  const Repeats& leaked = found.repeats[2];
  EXPECT_EQ(leaked.split, "test");
  EXPECT_EQ(leaked.other, "train");
  EXPECT_EQ(leaked.images, 3U);
  EXPECT_EQ(leaked.relabelled, 1U) << "row 1 has the label 1, row 3 of train 0";
  EXPECT_EQ(leaked.first.at(1).row, 2U);
  EXPECT_EQ(leaked.first.at(1).other_row, 0U);
}

TEST(Duplicates, AreToldWithTheirRows) {
  std::ostringstream text;

  print_duplicates(find_duplicates(describe_dataset(two_splits())), text);

  EXPECT_THAT(
      text.str(),
      AllOf(HasSubstr("2 occur earlier in train, 1 with another label; rows 2 = 0, 4 = 0 (labels 1 and 0)"),
            HasSubstr("3 of test occur in train, 1 with another label; rows 1 = 3 (labels 1 and 0), ")));
}

TEST(Duplicates, OfALargeSplitTheFirstImagesAreCompared) {
  const std::string path = two_splits();
  std::ostringstream text;

  const Duplicates found = find_duplicates({{"train", {.path = path}}}, 3);
  print_duplicates(found, text);

  EXPECT_EQ(found.repeats.at(0).images, 1U);
  EXPECT_THAT(text.str(), HasSubstr("of train, the first 3 of 6 images were compared"));
}

}  // namespace
}  // namespace annulus::io
