// A data set in several files: the same rows in the same order, all or nothing, and what a killed writer left
// is used again.
#include "io/dataset/sharded_writer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <numeric>

#include "io/dataset/parts.hpp"
#include "tests/io/io_test_support.hpp"

namespace annulus::io {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

DatasetSpec one_value() { return {.shape = {1, 1, 1}, .classes = {"even", "odd"}, .description = "numbers"}; }

const std::vector<SplitSize> kSplits{{"train", 11}, {"test", 5}};

/// Row i has the value i, its label is whether that is odd.
void fill(DatasetWriter& file, const ShardedWriter& writer, std::uint64_t part) {
  const std::vector<PartRows> rows = writer.rows(part);
  for (std::size_t s = 0; s < rows.size(); ++s) {
    std::vector<std::byte> pixels;
    std::vector<std::int32_t> labels;
    for (std::uint64_t i = rows[s].first; i < rows[s].first + rows[s].count; ++i) {
      pixels.push_back(std::byte(i));
      labels.push_back(static_cast<std::int32_t>(i % 2));
    }
    file.append(kSplits[s].name, pixels, labels);
  }
}

void write_part(ShardedWriter& writer, std::uint64_t part) {
  writer.write(part, [&](DatasetWriter& file) { fill(file, writer, part); });
}

std::vector<std::string> write_all(const ShardedOutput& output) {
  ShardedWriter writer(output, one_value(), kSplits);
  for (std::uint64_t part = 0; part < writer.parts(); ++part) write_part(writer, part);
  return writer.commit();
}

std::vector<std::uint8_t> values_of(const std::vector<std::string>& paths, const std::string& split) {
  std::vector<std::uint8_t> all;
  for (const std::string& path : paths) {
    const auto own = Hdf5File::open(path).read<std::uint8_t>(split + "/images");
    all.insert(all.end(), own.begin(), own.end());
  }
  return all;
}

std::vector<std::string> names_beside(const std::string& path) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(fs::path(path).parent_path()))
    names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

TEST(ShardedWriter, PartsOneAfterAnotherAreTheWhole) {
  const std::string path = fresh_path("numbers.h5");

  const std::vector<std::string> paths = write_all({.path = path, .sharding = {.files = 3}});

  EXPECT_THAT(names_beside(path), ElementsAre("numbers-00000-of-00003.h5", "numbers-00001-of-00003.h5",
                                              "numbers-00002-of-00003.h5"));
  std::vector<std::uint8_t> train(11);
  std::iota(train.begin(), train.end(), std::uint8_t{0});
  EXPECT_EQ(values_of(paths, "train"), train);
  EXPECT_THAT(values_of(paths, "test"), ElementsAre(0, 1, 2, 3, 4));
  for (std::uint64_t part = 0; part < 3; ++part) {
    const Hdf5File file = Hdf5File::open(paths[part]);
    EXPECT_EQ(part_of(file), (Part{part, 3}));
    EXPECT_THAT(file.strings_attribute("/", "classes"), ElementsAre("even", "odd"));
    EXPECT_GE(file.extents("train/images")[0], 3) << "of 11 rows, evenly";
    EXPECT_GE(file.extents("test/labels")[0], 1);
  }
}

TEST(ShardedWriter, OnePartIsTheUnshardedFileByteForByte) {
  const std::string whole = write_all({.path = fresh_path("numbers.h5")}).at(0);
  const std::string one = write_all({.path = fresh_path("numbers.h5"), .sharding = {.files = 1}}).at(0);

  EXPECT_THAT(one, HasSubstr("numbers-00000-of-00001.h5"));
  EXPECT_EQ(file_text(one), file_text(whole));
}

TEST(ShardedWriter, ASizeGivesTheNumberOfFiles) {
  const ShardedWriter writer({.path = fresh_path("numbers.h5"), .sharding = {.file_bytes = 20}}, one_value(),
                             kSplits);

  EXPECT_EQ(writer.bytes(), 80u) << "16 rows of a byte and a label";
  EXPECT_EQ(writer.parts(), 4u);
}

TEST(ShardedWriter, NothingHasItsNameBeforeAllIsWritten) {
  const std::string path = fresh_path("numbers.h5");

  {
    ShardedWriter writer({.path = path, .sharding = {.files = 2}}, one_value(), kSplits);
    write_part(writer, 0);
    write_part(writer, 1);
    EXPECT_THAT(names_beside(path), ElementsAre("numbers.h5.parts"));
  }
  EXPECT_THAT(names_beside(path), IsEmpty()) << "without a key nothing can be used again";
}

TEST(ShardedWriter, WholePartsAreUsedAgainAndDamagedOnesAreNot) {
  const std::string path = fresh_path("numbers.h5");
  const ShardedOutput output{.path = path, .sharding = {.files = 3}, .key = 7};
  {
    ShardedWriter killed(output, one_value(), kSplits);
    write_part(killed, 0);
    write_part(killed, 1);
  }
  const std::string damaged = path + ".parts/00001-of-00003-0000000000000007.h5";
  std::string bytes = file_text(damaged);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] + 1);
  write_text(damaged, bytes);

  ShardedWriter again(output, one_value(), kSplits);
  std::vector<std::uint64_t> written;
  for (std::uint64_t part = 0; part < 3; ++part)
    again.write(part, [&](DatasetWriter& file) {
      written.push_back(part);
      fill(file, again, part);
    });
  const std::vector<std::string> paths = again.commit();

  EXPECT_THAT(written, ElementsAre(1, 2));
  const std::vector<std::string> anew =
      write_all({.path = fresh_path("numbers.h5"), .sharding = {.files = 3}});
  for (std::size_t part = 0; part < 3; ++part) EXPECT_EQ(file_text(paths[part]), file_text(anew[part]));
}

TEST(ShardedWriter, PartsOfOtherDataAreNotUsed) {
  const std::string path = fresh_path("numbers.h5");
  {
    ShardedWriter killed({.path = path, .sharding = {.files = 2}, .key = 7}, one_value(), kSplits);
    write_part(killed, 0);
  }

  const ShardedWriter other({.path = path, .sharding = {.files = 2}, .key = 8}, one_value(), kSplits);

  EXPECT_FALSE(other.is_whole(0));
  EXPECT_THAT(names_beside(path + ".parts/lock"), ElementsAre("lock"));
}

/// Killed while names were given: some parts have theirs, and the next attempt gives the others.
TEST(ShardedWriter, GoesOnGivingNames) {
  const std::string path = fresh_path("numbers.h5");
  const ShardedOutput output{.path = path, .sharding = {.files = 2}, .key = 7};
  {
    ShardedWriter killed(output, one_value(), kSplits);
    write_part(killed, 0);
    write_part(killed, 1);
  }
  write_text(path + ".parts/complete", "0000000000000007 2\n");
  fs::rename(path + ".parts/00000-of-00002-0000000000000007.h5", part_path(path, {0, 2}));

  EXPECT_EQ(error_of([&] { check_sharded_output(output); }), "");
  ShardedWriter again(output, one_value(), kSplits);
  again.write(0, [](DatasetWriter&) { ADD_FAILURE() << "is whole"; });
  const std::vector<std::string> paths = again.commit();

  EXPECT_THAT(values_of(paths, "test"), ElementsAre(0, 1, 2, 3, 4));
  EXPECT_THAT(names_beside(path), ElementsAre("numbers-00000-of-00002.h5", "numbers-00001-of-00002.h5"));
}

TEST(ShardedWriter, RefusesWhatIsThere) {
  const std::string path = fresh_path("numbers.h5");
  write_all({.path = path, .sharding = {.files = 3}});
  const auto error = [&](Sharding sharding, Existing existing) {
    return error_of([&] { write_all({.path = path, .existing = existing, .sharding = sharding}); });
  };

  EXPECT_THAT(error({.files = 3}, Existing::refuse),
              AllOf(HasSubstr("00000-of-00003"), HasSubstr("--replace")));
  EXPECT_EQ(error({.files = 3}, Existing::replace), "");
  EXPECT_THAT(error({.files = 2}, Existing::replace),
              AllOf(HasSubstr("parts of another count"), HasSubstr("numbers-00000-of-00003.h5"),
                    HasSubstr("numbers-*.h5")));
  EXPECT_THAT(error({.files = 6}, Existing::refuse), HasSubstr("test has only 5. Ask for at most 5 parts."));
  EXPECT_THAT(names_beside(path), testing::SizeIs(3));
}

TEST(Parts, AreKnownByTheirNames) {
  EXPECT_EQ(part_path("a/b.h5", {3, 8}), "a/b-00003-of-00008.h5");
  EXPECT_EQ(part_path("b", {0, 1}), "b-00000-of-00001.h5");
  ASSERT_TRUE(named_part("a/b-00003-of-00008.h5"));
  EXPECT_EQ(named_part("a/b-00003-of-00008.h5")->output, "a/b.h5");
  EXPECT_EQ(named_part("a/b-00003-of-00008.h5")->part, (Part{3, 8}));
  for (const char* other : {"b-00008-of-00008.h5", "b-0003-of-00008.h5", "b-00003-of-00008",
                            "b-0000x-of-00008.h5", "-00003-of-00008.h5", "b.h5"})
    EXPECT_FALSE(named_part(other)) << other;
}

TEST(Parts, HalfASetIsNamed) {
  EXPECT_EQ(missing_parts({"a.h5", "b-00000-of-00002.h5", "b-00001-of-00002.h5"}), "");
  EXPECT_THAT(missing_parts({"b-00000-of-00003.h5", "b-00002-of-00003.h5"}),
              AllOf(HasSubstr("1 of the 3 files of b.h5"), HasSubstr("b-00001-of-00003.h5")));
  EXPECT_THAT(missing_parts({"b-00000-of-00001.h5", "b-00000-of-00002.h5", "b-00001-of-00002.h5"}),
              HasSubstr("two different writings"));
}

}  // namespace
}  // namespace annulus::io
