// Which datasets of foreign files are taken for a split, and the keys that name them.
#include "io/survey/found_splits.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/survey/summary.hpp"
#include "tests/io/io_test_support.hpp"

namespace annulus::io {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

/// A file of such datasets; names of images and vectors hold floats, all others whole numbers.
std::string written(const std::vector<std::pair<std::string, Extents>>& datasets, std::int64_t first = 0) {
  const std::string path = fresh_path("found.h5");
  Hdf5File file = Hdf5File::create(path);
  for (const auto& [name, extents] : datasets) {
    std::vector<std::int64_t> values(static_cast<std::size_t>(element_count(extents)));
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = first + static_cast<std::int64_t>(i % 2);
    file.write<std::int64_t>(name, extents, values);
  }
  file.close();
  return path;
}

DataKeys keys_of(const std::vector<std::pair<std::string, Extents>>& datasets, std::int64_t first = 0) {
  return describe_dataset(written(datasets, first)).keys;
}

TEST(FoundSplits, NamesSpeakOfSplits) {
  EXPECT_EQ(split_of_name("X_Train"), "train");
  EXPECT_EQ(split_of_name("x_val"), "validation");
  EXPECT_EQ(split_of_name("valid_set"), "validation");
  EXPECT_EQ(split_of_name("testing/images"), "test");
  for (const char* other : {"images", "images/value", "eval", "values", "latest", "interval", "retrieval"})
    EXPECT_EQ(split_of_name(other), "") << other;
}

TEST(FoundSplits, AFileOfOurOwnNeedsNoKeys) {
  EXPECT_THAT(keys_of({{"train/images", {4, 8, 8, 3}},
                       {"train/labels", {4}},
                       {"validation/images", {2, 8, 8, 3}},
                       {"validation/labels", {2}},
                       {"test/images", {2, 8, 8, 3}},
                       {"test/labels", {2}}}),
              IsEmpty());
}

TEST(FoundSplits, NamesInTheRootAreFound) {
  EXPECT_THAT(keys_of({{"x_train", {4, 3, 8, 8}},
                       {"y_train", {4}},
                       {"weights", {4}},
                       {"x_test", {2, 3, 8, 8}},
                       {"y_test", {2}}},
                      1),
              ElementsAre(Pair("train", "/"), Pair("images", "x_train"), Pair("labels", "y_train"),
                          Pair("test", "/"), Pair("test_images", "x_test"), Pair("test_labels", "y_test"),
                          Pair("axes", "NCHW"), Pair("first_label", "1")));
}

TEST(FoundSplits, OtherNamesInGroupsAreFound) {
  EXPECT_THAT(keys_of({{"training/data", {4, 8, 8}},
                       {"training/target", {4}},
                       {"val/data", {2, 8, 8}},
                       {"val/target", {2}}}),
              ElementsAre(Pair("train", "training"), Pair("images", "data"), Pair("labels", "target"),
                          Pair("validation", "val")));
}

TEST(FoundSplits, OneGroupOfAnyNameIsTrainedOn) {
  EXPECT_THAT(keys_of({{"faces/images", {4, 8, 8, 1}}, {"faces/labels", {4}}}),
              ElementsAre(Pair("train", "faces")));
}

TEST(FoundSplits, FlatVectorsAndOneHotLabelsAreFound) {
  EXPECT_THAT(keys_of({{"features", {4, 6}}, {"y", {4}}}),
              ElementsAre(Pair("train", "/"), Pair("images", "features"), Pair("labels", "y")));
  EXPECT_THAT(keys_of({{"X", {2, 8, 8, 1}}, {"Y", {2, 2}}}),
              ElementsAre(Pair("train", "/"), Pair("images", "X"), Pair("labels", "Y")));
}

TEST(FoundSplits, OctavesStructuresAreFound) {
  const std::string path = written({{"train_images/value", {4, 8, 8}}, {"train_labels/value", {1, 4}}});

  EXPECT_THAT(describe_dataset(path).keys,
              ElementsAre(Pair("train", "/"), Pair("images", "train_images/value"),
                          Pair("labels", "train_labels/value")));
}

TEST(FoundSplits, WhatFitsTwiceIsNotChosen) {
  const DatasetSummary summary =
      describe_dataset(written({{"pictures", {4, 8, 8, 1}}, {"one", {4}}, {"other", {4}}}));

  EXPECT_FALSE(summary.found.train);
  ASSERT_EQ(summary.remarks.size(), 1U);
  EXPECT_THAT(summary.remarks[0], testing::HasSubstr("name them by data.labels"));
}

TEST(FoundSplits, OneSplitThatCountsFromZeroDecidesForAll) {
  const std::string path = written({{"x_train", {4, 8, 8}}, {"y_train", {4}}}, 1);
  Hdf5File file = Hdf5File::open_to_change(path);
  const std::vector<std::int64_t> zeros(2), pixels(128);
  file.write<std::int64_t>("x_test", {2, 8, 8}, pixels);
  file.write<std::int64_t>("y_test", {2}, zeros);
  file.close();

  for (const auto& [key, value] : describe_dataset(path).keys) EXPECT_NE(key, "first_label");
}

TEST(FoundSplits, LinesAndWordsAreQuotedWhereTheyNeedIt) {
  const DataKeys keys{{"images", "my images: all"}, {"labels", "y"}};
  const std::vector<std::string> one{"a b.h5"}, two{"a.h5", "b.h5"}, pattern{"a-*-of-00008.h5"};

  EXPECT_EQ(config_line(one, keys), R"(data: {path: "a b.h5", images: "my images: all", labels: "y"})");
  EXPECT_EQ(config_line(two, {}), "data: {files: [a.h5, b.h5]}");
  EXPECT_EQ(config_line(pattern, {}), R"(data: {files: ["a-*-of-00008.h5"]})");
  EXPECT_EQ(command_words(keys), R"( 'data.images="my images: all"' 'data.labels="y"')");
  EXPECT_EQ(shell_word("it's"), R"('it'\''s')");
}

}  // namespace
}  // namespace annulus::io
