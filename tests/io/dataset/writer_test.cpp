// Writing datasets (complete or absent) and describing them.
#include "io/dataset/writer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <limits>
#include <sstream>

#include "io/dataset/dataset.hpp"
#include "io/survey/summary.hpp"
#include "tests/io/io_test_support.hpp"
#include "tests/support/source_dir.hpp"

namespace annulus::io {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

DatasetSpec small_spec() {
  return {.shape = {2, 2, 1},
          .classes = {"electron", "muon"},
          .description = "two by two",
          .provenance = {{"source", "made by a test"}}};
}

const std::vector<std::byte> kPixels{std::byte{0}, std::byte{1}, std::byte{2},   std::byte{3},
                                     std::byte{4}, std::byte{5}, std::byte{254}, std::byte{255}};
const std::vector<std::int32_t> kLabels{1, 0};

TEST(DatasetWriter, WritesWhatOpenDatasetReads) {
  const std::string path = fresh_path("written.h5");
  DatasetWriter writer(path, Existing::refuse, small_spec());

  writer.append("train", kPixels, kLabels);
  writer.append("train", kPixels, kLabels);
  writer.append("test", kPixels, kLabels);
  EXPECT_FALSE(std::filesystem::exists(path)) << "not before it is complete";
  writer.commit();

  const auto source = open_dataset({.path = path}, make_private_memory);
  std::vector<std::byte> pixels(8);
  std::vector<std::int32_t> labels(2);
  source->read(std::vector<std::uint64_t>{2, 3}, {pixels, labels});
  EXPECT_EQ(pixels, kPixels);
  EXPECT_EQ(labels, kLabels);
  EXPECT_EQ(source->info().samples, 4u);
  EXPECT_FALSE(std::filesystem::exists(path + ".partial"));
}

TEST(DatasetWriter, LeavesNothingBehindWithoutCommit) {
  const std::string path = fresh_path("abandoned.h5");

  {
    DatasetWriter writer(path, Existing::refuse, small_spec());
    writer.append("train", kPixels, kLabels);
    EXPECT_TRUE(std::filesystem::exists(path + ".partial"));
  }

  EXPECT_TRUE(std::filesystem::is_empty(std::filesystem::path(path).parent_path()));
}

TEST(DatasetWriter, RefusesWhatItMustNotDo) {
  const std::string path = fresh_path("taken.h5");
  write_text(path, "precious");
  const std::string folder = std::filesystem::path(path).parent_path().string();
  const auto start = [](const std::string& where) {
    return error_of([&] { DatasetWriter(where, Existing::refuse, small_spec()); });
  };
  DatasetWriter replacing(path, Existing::replace, small_spec());
  const std::vector<std::int32_t> bad{0, 2};

  EXPECT_THAT(start(path), AllOf(HasSubstr("taken.h5: exists already"), HasSubstr("another name")));
  EXPECT_THAT(start(folder), HasSubstr("is a folder"));
  EXPECT_THAT(start(""), HasSubstr("name of the file to write is empty"));
  EXPECT_THAT(start("/nowhere/a.h5"), HasSubstr("the folder /nowhere does not exist"));
  EXPECT_THAT(error_of([&] { replacing.append("train", kPixels, bad); }),
              HasSubstr("train image 1 has label 2, but there are 2 classes"));
  EXPECT_EQ(file_text(path), "precious");
}

TEST(DatasetWriter, ReplacesWhenAsked) {
  const std::string path = fresh_path("old.h5");
  write_text(path, "old");

  DatasetWriter writer(path, Existing::replace, small_spec());
  writer.append("train", kPixels, kLabels);
  writer.commit();

  EXPECT_EQ(open_dataset({.path = path}, make_private_memory)->info().samples, 2u);
}

TEST(DatasetWriter, NamesMoreClassesThanAnAttributeHolds) {
  const std::string path = fresh_path("many.h5");
  DatasetSpec spec = small_spec();
  spec.classes.clear();
  for (int k = 0; k < 4200; ++k) spec.classes.push_back("class " + std::to_string(k));
  const std::vector<std::string> names = spec.classes;

  DatasetWriter writer(path, Existing::refuse, std::move(spec));
  writer.append("train", kPixels, kLabels);
  writer.commit();

  EXPECT_EQ(open_dataset({.path = path}, make_private_memory)->info().classes, names);
  EXPECT_EQ(describe_dataset(path).classes, names);
  EXPECT_EQ(Hdf5File::open(path).texts("classes"), names);
}

/// An attribute of text takes 16 bytes a name and has to stay below 64 KB.
TEST(DatasetWriter, NamesAsManyClassesInAnAttributeAsFit) {
  for (const int count : {4000, 4001}) {
    const std::string path = fresh_path("many.h5");
    DatasetSpec spec = small_spec();
    spec.classes.clear();
    for (int k = 0; k < count; ++k) spec.classes.push_back(std::to_string(k) + " of many");
    const std::vector<std::string> names = spec.classes;

    DatasetWriter writer(path, Existing::refuse, std::move(spec));
    writer.append("train", kPixels, kLabels);
    writer.commit();

    EXPECT_EQ(Hdf5File::open(path).has_attribute("/", "classes"), count == 4000) << count;
    EXPECT_EQ(open_dataset({.path = path}, make_private_memory)->info().classes, names);
  }
}

TEST(DatasetWriter, ClassesThatAreNumbersNameNothing) {
  const std::string path = fresh_path("foreign.h5");
  Hdf5File file = Hdf5File::create(path);
  file.write<std::uint8_t>("train/images", {2, 2, 2, 1}, std::vector<std::uint8_t>(8));
  file.write<std::int32_t>("train/labels", {2}, kLabels);
  file.write<std::int32_t>("classes", {2}, kLabels);
  file.close();

  EXPECT_THAT(open_dataset({.path = path}, make_private_memory)->info().classes, ElementsAre("0", "1"));
}

TEST(AtomicFile, MakesTheFolderOfWhatIsToBeWritten) {
  const std::string path = fresh_path("a/b/c.h5");
  make_folder_of(path);
  make_folder_of(path);

  EXPECT_TRUE(std::filesystem::is_directory(std::filesystem::path(path).parent_path()));
  write_text(path, "a file");
  EXPECT_THAT(error_of([&] { make_folder_of(path + "/d.h5"); }), HasSubstr("c.h5 cannot be made"));
}

TEST(AtomicFile, HasOneOwnerAtATime) {
  const std::string path = fresh_path("owned.h5");
  const auto own = [&] { return error_of([&] { const AtomicFile second(path, Existing::replace); }); };
  {
    AtomicFile first(path, Existing::replace);
    write_text(first.partial(), "first");
    EXPECT_THAT(own(), HasSubstr("owned.h5.partial: another process is writing it"));
    first.commit();
    EXPECT_EQ(own(), "") << "what is written next is another file";
  }
  EXPECT_EQ(file_text(path), "first");
  EXPECT_EQ(own(), "");

  write_text(path + ".partial", "of a killed process");
  EXPECT_EQ(own(), "");
  EXPECT_FALSE(std::filesystem::exists(path + ".partial"));
}

TEST(AtomicFile, WritesThroughNoLink) {
  const std::string path = fresh_path("linked.h5");
  write_text(path + ".precious", "mine");
  std::filesystem::create_symlink(path + ".precious", path + ".partial");

  EXPECT_THAT(error_of([&] { const AtomicFile file(path, Existing::replace); }), HasSubstr("symbolic link"));
  EXPECT_EQ(file_text(path + ".precious"), "mine");
}

TEST(AtomicFile, ChecksFreeSpace) {
  const std::string path = fresh_path("big.h5");

  EXPECT_THAT(error_of([&] { require_free_space(path, std::numeric_limits<std::uint64_t>::max()); }),
              AllOf(HasSubstr("big.h5: needs"), HasSubstr("are free there")));
  EXPECT_EQ(error_of([&] { require_free_space(path, 1); }), "");
}

TEST(DatasetSummary, DescribesSplitsAndCountsLabels) {
  const std::string path = fresh_path("summary.h5");
  DatasetWriter writer(path, Existing::refuse, small_spec());
  writer.append("train", kPixels, kLabels);
  writer.append("test", kPixels, kLabels);
  writer.append("test", std::span(kPixels).first(4), std::span(kLabels).first(1));
  writer.commit();

  const DatasetSummary summary = describe_dataset(path, PixelScan::read_all);
  std::ostringstream text;
  print_dataset(summary, text);

  ASSERT_EQ(summary.splits.size(), 2u);
  EXPECT_EQ(summary.schema, kDatasetSchema);
  EXPECT_EQ(summary.splits[0].name, "train");
  EXPECT_THAT(summary.splits[1].label_counts, ElementsAre(1, 2));
  EXPECT_EQ(summary.splits[0].pixel_bytes, 8u);
  ASSERT_EQ(summary.splits[0].statistics.size(), 1u);
  EXPECT_DOUBLE_EQ(summary.splits[0].statistics[0].mean, (0 + 1 + 2 + 3 + 4 + 5 + 254 + 255) / 8.0);
  EXPECT_EQ(summary.splits[0].statistics[0].largest, 255);
  EXPECT_THAT(text.str(),
              AllOf(HasSubstr("2 classes: electron, muon"), HasSubstr("train: 2 images of 2 x 2 x 1 uint8"),
                    HasSubstr("electron 1, muon 2"), HasSubstr("chunks of 128 rows"),
                    HasSubstr("made by a test"), HasSubstr("mean 65.5000")));
}

TEST(DatasetSummary, ListsForeignDatasets) {
  const std::string path = fresh_path("foreign.h5");
  Hdf5File file = Hdf5File::create(path);
  const std::vector<float> values(6, 1.0f);
  file.write("x_train", {1, 2, 3}, std::span<const float>(values));
  file.write("group/y", {6}, std::span<const float>(values));
  file.close();
  std::ostringstream text;

  print_dataset(describe_dataset(path), text);

  EXPECT_THAT(text.str(), AllOf(HasSubstr("a foreign file"), HasSubstr("x_train"),
                                HasSubstr("(1, 2, 3)  float32"), HasSubstr("group/y")));
}

TEST(DatasetSummary, WhatNobodyNeedsMayBeUnreadable) {
  const std::string path = fresh_path("latest.h5");  // beside good images: gzip and bool in the newest form
  std::filesystem::copy_file(source_dir() + "/tests/io/data/latest.hdf5", path);
  std::ostringstream text;

  const DatasetSummary summary = describe_dataset(path, PixelScan::read_all);
  print_dataset(summary, text);

  ASSERT_EQ(summary.splits.size(), 1U);
  EXPECT_EQ(summary.splits[0].samples, 7U);
  EXPECT_THAT(text.str(), AllOf(HasSubstr("mask         cannot be read: "), HasSubstr("libver='latest'")));
  EXPECT_EQ(try_images(path, "train/images"), 7U);
}

TEST(DatasetSummary, LabelsThatMayCountFromOneAreTold) {
  const std::string path = fresh_path("from_one.h5");
  const std::vector<std::int32_t> numbers{1, 2};
  Hdf5File file = Hdf5File::create(path);
  file.write("train/images", {2, 2, 2, 1}, std::span<const std::byte>(kPixels));
  file.write("train/labels", {2}, std::span<const std::int32_t>(numbers));
  file.close();
  std::ostringstream text;

  print_dataset(describe_dataset(path), text);

  EXPECT_THAT(text.str(), AllOf(HasSubstr("0 0, 1 1, 2 1"), HasSubstr("label 0 never occurs")));
}

TEST(DatasetSummary, LabelsThatCannotBeUsedAreToldWithTheirSplit) {
  const std::string path = fresh_path("faults.h5");
  DatasetWriter writer(path, Existing::refuse, small_spec());
  writer.append("train", kPixels, kLabels);
  writer.commit();
  const std::vector<std::int32_t> numbers{1, 2};
  Hdf5File file = Hdf5File::open_to_change(path);
  file.write("test/images", {2, 2, 2, 1}, std::span<const std::byte>(kPixels));
  file.write("test/labels", {2}, std::span<const std::int32_t>(numbers));
  file.close();
  std::ostringstream text;

  const DatasetSummary summary = describe_dataset(path, PixelScan::read_all);
  print_dataset(summary, text);

  ASSERT_EQ(summary.splits.size(), 2U);
  EXPECT_EQ(summary.splits[0].label_fault, "");
  EXPECT_THAT(summary.splits[1].label_fault, HasSubstr("set data.first_label to 1"));
  EXPECT_EQ(summary.splits[1].statistics.size(), 1U);
  EXPECT_THAT(text.str(),
              AllOf(HasSubstr("train: 2 images"), HasSubstr("electron 1, muon 1"),
                    HasSubstr("test: 2 images"), HasSubstr("labels cannot be used as they stand")));
}

TEST(DatasetSummary, GroupsThatAreNoSplitAreTold) {
  const std::string path = fresh_path("raw.h5");
  DatasetWriter writer(path, Existing::refuse, small_spec());
  writer.append("train", kPixels, kLabels);
  writer.commit();
  const std::vector<float> values(6, 0.5F);
  for (const char* group : {"raw", "test"}) {
    Hdf5File file = Hdf5File::open_to_change(path);
    file.write(std::string(group) + "/images", {6}, std::span<const float>(values));
    file.write(std::string(group) + "/labels", {6}, std::span<const float>(values));
    file.close();
    if (std::string_view(group) == "test") break;
    std::ostringstream text;
    print_dataset(describe_dataset(path), text);
    EXPECT_THAT(text.str(), AllOf(HasSubstr("train: 2 images"), HasSubstr("raw: cannot be a split: "),
                                  HasSubstr("raw/images: has the shape (6)")));
  }

  EXPECT_THAT(error_of([&] { describe_dataset(path); }), HasSubstr("test/images: has the shape (6)"));
}

TEST(DatasetSummary, ImagesThatCannotBeUnpackedAreTriedInVain) {
  EXPECT_THAT(error_of([] { try_images(source_dir() + "/tests/io/data/zstd.hdf5", "train/images"); }),
              HasSubstr("packed by the filter Zstandard"));
  EXPECT_EQ(try_images(source_dir() + "/tests/io/data/lzf.hdf5", "train/images"), 7U);
}

}  // namespace
}  // namespace annulus::io
