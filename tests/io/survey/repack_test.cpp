// Files of any form, written anew: every row once, with its label and its columns.
#include "io/survey/repack.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <numeric>
#include <sstream>

#include "io/survey/summary.hpp"
#include "tests/io/io_test_support.hpp"

namespace annulus::io {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsSupersetOf;
using testing::Pair;

constexpr std::uint64_t kRow = 8;

/// Rows of one file, told apart by their numbers, which count on from file to file.
struct Numbers {
  std::uint64_t first = 0;
  std::uint64_t count = 100;
};

/// Images (N, 2, 4, 1) that all begin with their number, labels from it, and a column of it as int64.
std::string written(const Numbers& numbers, const std::vector<std::string>& classes = {"a", "b", "c"}) {
  const std::string path = fresh_path("in.h5");
  std::vector<std::uint8_t> pixels(numbers.count * kRow);
  std::vector<std::int64_t> labels(numbers.count), ids(numbers.count);
  for (std::uint64_t i = 0; i < numbers.count; ++i) {
    pixels[i * kRow] = static_cast<std::uint8_t>(numbers.first + i);
    pixels[i * kRow + kRow - 1] = 7;
    labels[i] = static_cast<std::int64_t>((numbers.first + i) % 3);
    ids[i] = static_cast<std::int64_t>(numbers.first + i) + (std::int64_t{1} << 40);
  }
  const auto rows = static_cast<std::int64_t>(numbers.count);
  Hdf5File file = Hdf5File::create(path);
  file.set_attribute("/", "classes", classes);
  file.set_attribute("/", "provenance_source", "a test");
  file.write<std::uint8_t>("train/images", {rows, 2, 4, 1}, pixels);
  file.write<std::int64_t>("train/labels", {rows}, labels);
  file.write<std::int64_t>("train/id", {rows, 1}, ids);
  file.set_attribute("train/id", "columns", std::vector<std::string>{"id"});
  file.set_attribute("train/images", "window", "scaled");
  file.set_attribute("train/images", "clip", std::int64_t{4});
  file.close();
  return path;
}

RepackSplit train_of(const std::string& path) {
  return {.name = "train", .data = {.path = path}, .columns = {"train/id"}};
}

RepackOptions options(const std::vector<std::string>& inputs) {
  RepackOptions made{.output = fresh_path("out.h5"), .memory_bytes = 1 << 20, .program = "test"};
  for (const std::string& path : inputs) made.inputs.push_back({train_of(path)});
  return made;
}

/// The numbers of the rows of a file in their order, after looking whether labels and columns are theirs.
std::vector<std::uint64_t> numbers_of(const std::string& path, const std::string& split = "train") {
  const Hdf5File file = Hdf5File::open(path);
  const auto pixels = file.read<std::uint8_t>(split + "/images");
  const auto labels = file.read<std::int32_t>(split + "/labels");
  const auto ids = file.read<std::int64_t>(split + "/id");
  std::vector<std::uint64_t> numbers;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    numbers.push_back(pixels[i * kRow]);
    EXPECT_EQ(pixels[i * kRow + kRow - 1], 7);
    EXPECT_EQ(labels[i], static_cast<std::int32_t>(numbers.back() % 3));
    EXPECT_EQ(ids[i], static_cast<std::int64_t>(numbers.back()) + (std::int64_t{1} << 40));
  }
  return numbers;
}

std::vector<std::uint64_t> range(std::uint64_t count) {
  std::vector<std::uint64_t> numbers(count);
  std::iota(numbers.begin(), numbers.end(), std::uint64_t{0});
  return numbers;
}

std::vector<std::uint64_t> sorted(std::vector<std::uint64_t> numbers) {
  std::ranges::sort(numbers);
  return numbers;
}

TEST(Repack, MixesTheRowsOfAllFiles) {
  RepackOptions wanted = options({written({0, 100}), written({100, 50})});
  wanted.chunk_rows = 16;

  repack(wanted, {});

  const std::vector<std::uint64_t> numbers = numbers_of(wanted.output);
  EXPECT_EQ(sorted(numbers), range(150));
  EXPECT_NE(numbers, range(150));
  const Hdf5File file = Hdf5File::open(wanted.output);
  EXPECT_THAT(file.dataset("train/images").info().chunk, ElementsAre(16, 2, 4, 1));
  EXPECT_THAT(file.strings_attribute("/", "classes"), ElementsAre("a", "b", "c"));
  EXPECT_THAT(file.strings_attribute("train/id", "columns"), ElementsAre("id"));
  EXPECT_EQ(file.string_attribute("train/images", "window"), "scaled");
  EXPECT_EQ(file.int64_attribute("train/images", "clip"), 4);
  EXPECT_THAT(describe_dataset(wanted.output).attributes,
              IsSupersetOf({Pair("provenance_source", "a test"),
                            Pair("provenance_repacked_order", "shuffled, seed 0"),
                            Pair("provenance_repacked_by", "test")}));
}

TEST(Repack, GivesTheSameBytesWithAnyMemory) {
  RepackOptions large = options({written({})});
  RepackOptions small = large;
  small.output = fresh_path("again.h5");
  small.memory_bytes = 200;  // runs of a few rows

  repack(large, {});
  repack(small, {});

  EXPECT_EQ(file_text(large.output), file_text(small.output));
}

TEST(Repack, KeepsTheOrderAndPacksWhereAsked) {
  RepackOptions wanted = options({written({0, 60}), written({60, 40})});
  wanted.shuffle = false;
  wanted.deflate = 4;

  repack(wanted, {});

  EXPECT_EQ(numbers_of(wanted.output), range(100));
  EXPECT_THAT(Hdf5File::open(wanted.output).dataset("train/images").info().filters, ElementsAre("deflate"));
}

TEST(Repack, CutsTheSameOrderIntoParts) {
  RepackOptions whole = options({written({})});
  RepackOptions parts = whole;
  parts.output = fresh_path("parts.h5");
  parts.shards = 3;

  repack(whole, {});
  const std::vector<std::string> made = repack(parts, {});

  ASSERT_EQ(made.size(), 3U);
  EXPECT_THAT(made[1], HasSubstr("parts-00001-of-00003.h5"));
  std::vector<std::uint64_t> numbers;
  for (const std::string& path : made) {
    const std::vector<std::uint64_t> own = numbers_of(path);
    EXPECT_NEAR(static_cast<double>(own.size()), 100.0 / 3, 1);
    numbers.insert(numbers.end(), own.begin(), own.end());
  }
  EXPECT_EQ(numbers, numbers_of(whole.output));
  std::vector<DatasetSummary> summaries;
  for (const std::string& path : made) summaries.push_back(describe_dataset(path));
  std::ostringstream text;
  print_sum(summaries, text);
  EXPECT_THAT(text.str(), AllOf(HasSubstr("train: 100 samples"), HasSubstr("parts-*-of-00003.h5\"]}")));
}

TEST(Repack, AFileThatChangesMeanwhileEndsIt) {
  const std::string first = written({0, 60});
  RepackOptions wanted = options({first, written({60, 40})});
  wanted.validation_fraction = 0.2;  // the files are read once more for it

  const std::string error = error_of([&] {
    repack(wanted, [&](std::uint64_t, std::uint64_t, const std::string& what) {
      if (what == "reading train") std::filesystem::last_write_time(first, {});
    });
  });

  EXPECT_THAT(error, AllOf(HasSubstr(first), HasSubstr("writ")));
}

TEST(Repack, TakesAShareForValidation) {
  RepackOptions wanted = options({written({})});
  wanted.validation_fraction = 0.2;

  repack(wanted, {});

  std::vector<std::uint64_t> numbers = numbers_of(wanted.output);
  const std::vector<std::uint64_t> held_out = numbers_of(wanted.output, "validation");
  EXPECT_EQ(held_out.size(), 20U);
  numbers.insert(numbers.end(), held_out.begin(), held_out.end());
  EXPECT_EQ(sorted(numbers), range(100));
}

TEST(Repack, BringsForeignFormsToOurs) {
  const std::string path = fresh_path("foreign.h5");
  std::vector<float> pixels(4 * 2 * 3);
  std::iota(pixels.begin(), pixels.end(), 0.0F);
  Hdf5File made = Hdf5File::create(path);
  made.write<float>("x", {4, 2, 3, 1}, pixels);  // (N, C, H, W)
  made.write<std::int64_t>("y", {4}, std::vector<std::int64_t>{1, 2, 3, 2});
  made.close();
  RepackOptions wanted{.output = fresh_path("ours.h5"), .shuffle = false};
  wanted.inputs = {
      {{.name = "train",
        .data = {.path = path, .images = "x", .labels = "y", .axes = ImageAxes::nchw, .first_label = 1}}}};

  repack(wanted, {});

  const DatasetSummary summary = describe_dataset(wanted.output);
  EXPECT_EQ(summary.schema, "annulus-dataset-1");
  EXPECT_THAT(summary.classes, ElementsAre("1", "2", "3"));
  EXPECT_THAT(summary.splits.at(0).label_counts, ElementsAre(1, 2, 1));
  const Hdf5File file = Hdf5File::open(wanted.output);
  EXPECT_THAT(file.extents("train/images"), ElementsAre(4, 3, 1, 2));
  const auto values = file.read<float>("train/images");
  EXPECT_THAT(std::vector<float>(values.begin(), values.begin() + 6), ElementsAre(0, 3, 1, 4, 2, 5));
}

TEST(Repack, ColumnsOfAGroupAreFound) {
  const std::string path = written({});
  std::vector<std::string> left_out;
  Hdf5File file = Hdf5File::open_to_change(path);
  file.create_dataset("train/nothing", ElementType::float32, {100, 0});
  file.create_dataset("train/of_others", ElementType::float32, {99});
  file.close();

  EXPECT_THAT(columns_of(path, "train", train_of(path), left_out), ElementsAre("train/id"));
  EXPECT_THAT(left_out, testing::IsEmpty());
}

TEST(Repack, ASplitWithoutLabelsStaysWithout) {
  const std::string path = written({});
  RepackOptions wanted = options({path});
  RepackSplit test = train_of(path);
  test.name = "test";
  test.data.labels = "";
  wanted.inputs[0].push_back(test);

  repack(wanted, {});

  const Hdf5File file = Hdf5File::open(wanted.output);
  EXPECT_TRUE(file.is_dataset("train/labels"));
  EXPECT_TRUE(file.is_dataset("test/images"));
  EXPECT_FALSE(file.exists("test/labels"));
}

TEST(Repack, RefusesWhatDoesNotFitTogether) {
  const std::string one = written({});
  const auto error = [](const RepackOptions& wanted) { return error_of([&] { repack(wanted, {}); }); };
  RepackOptions onto_itself = options({one});
  onto_itself.output = one;
  onto_itself.existing = Existing::replace;
  RepackOptions taken = options({one});
  write_text(taken.output, "precious");
  RepackOptions other_columns = options({one, written({})});
  other_columns.inputs[1][0].columns.clear();

  EXPECT_THAT(error(onto_itself), HasSubstr("is read and cannot be the output"));
  EXPECT_THAT(error(taken), HasSubstr("exists already"));
  EXPECT_EQ(file_text(taken.output), "precious");
  EXPECT_THAT(error(other_columns), AllOf(HasSubstr("has other further columns"), HasSubstr("--no-columns")));
  EXPECT_THAT(error(options({one, written({}, {"a", "c", "b"})})),
              HasSubstr("name their classes differently: a, b, c and a, c, b"));
}

TEST(Repack, LeavesNothingBehindWhenItFails) {
  RepackOptions wanted = options({written({})});

  const std::string error = error_of([&] {
    repack(wanted, [](std::uint64_t, std::uint64_t, const std::string& what) {
      if (what == "writing train") throw DataError("the disk is on fire");
    });
  });

  EXPECT_THAT(error, HasSubstr("on fire"));
  EXPECT_TRUE(std::filesystem::is_empty(std::filesystem::path(wanted.output).parent_path()));
}

TEST(Repack, ChunksAreNeitherTinyNorLarge) {
  EXPECT_EQ(good_chunk_rows(32 * 32 * 3, false), 128);
  EXPECT_EQ(good_chunk_rows(28 * 28, false), 512);
  EXPECT_EQ(good_chunk_rows(224 * 224 * 3, false), 4);
  EXPECT_EQ(good_chunk_rows(1 << 24, false), 1);
  EXPECT_EQ(good_chunk_rows(16, true), 8192);
}

}  // namespace
}  // namespace annulus::io
