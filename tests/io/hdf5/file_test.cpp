// HDF5 files: what is written comes back, and damaged or unfitting files are named with a reason.
#include "io/hdf5/file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <hdf5.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <thread>

#include "base/nearest_name.hpp"
#include "tests/io/foreign_hdf5.hpp"
#include "tests/io/io_test_support.hpp"

namespace annulus::io {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::MatchesRegex;

template <class T>
std::span<const T> view(const std::vector<T>& values) {
  return values;
}

TEST(Hdf5File, WritesAndReadsEveryType) {
  const std::string path = fresh_path("types.h5");
  const std::vector<float> floats{1.5f, -2.25f, std::numeric_limits<float>::denorm_min()};
  const std::vector<double> doubles{0.1, -1e300};
  const std::vector<std::int32_t> ints{-7, 8};
  const std::vector<std::uint64_t> big{std::numeric_limits<std::uint64_t>::max()};
  const std::vector<std::uint8_t> bytes{0, 128, 255, 1};

  Hdf5File file = Hdf5File::create(path);
  file.write("parameters/conv1/kernel", {3}, view(floats));
  file.write("doubles", {2}, view(doubles));
  file.write("ints", {2, 1}, view(ints));
  file.write("big", {}, view(big));
  file.write("bytes", {2, 2}, view(bytes));
  file.close();
  const Hdf5File back = Hdf5File::open(path);

  EXPECT_EQ(back.read<float>("/parameters/conv1/kernel"), floats);
  EXPECT_EQ(back.read<double>("doubles"), doubles);
  EXPECT_EQ(back.read<std::int32_t>("ints"), ints);
  EXPECT_EQ(back.read<std::int64_t>("ints"), (std::vector<std::int64_t>{-7, 8})) << "wider is allowed";
  EXPECT_EQ(back.read<std::uint64_t>("big"), big);
  EXPECT_EQ(back.read<std::uint8_t>("bytes"), bytes);
  EXPECT_EQ(back.extents("ints"), (Extents{2, 1}));
  EXPECT_THAT(back.members(), ElementsAre("big", "bytes", "doubles", "ints", "parameters"));
  EXPECT_TRUE(back.exists("parameters/conv1"));
  EXPECT_FALSE(back.exists("parameters/conv2/kernel")) << "a missing parent is an answer, not an error";
}

TEST(Hdf5File, ReadsAndAppendsRows) {
  const std::string path = fresh_path("rows.h5");
  std::vector<std::int32_t> values(10 * 6);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<std::int32_t>(i);
  Hdf5File file = Hdf5File::create(path);

  Hdf5Dataset rows =
      file.create_dataset("rows", ElementType::int32, {0, 2, 3},
                          {.chunk_rows = 4, .deflate = 1, .growth = Hdf5Layout::Growth::extendable});
  rows.write_rows(0, 7, std::span<const std::int32_t>(values).first(7 * 6));
  rows.write_rows(7, 3, std::span<const std::int32_t>(values).last(3 * 6));
  std::vector<std::int32_t> middle(5 * 6);
  rows.read_rows(3, 5, std::span<std::int32_t>(middle));

  EXPECT_EQ(rows.info().extents, (Extents{10, 2, 3}));
  EXPECT_EQ(rows.info().chunk, (Extents{4, 2, 3}));
  EXPECT_THAT(rows.info().filters, ElementsAre("deflate"));
  EXPECT_TRUE(std::equal(middle.begin(), middle.end(), values.begin() + 3 * 6));
  EXPECT_THAT(error_of([&] { rows.read_rows(8, 3, std::span<std::int32_t>(middle).first(18)); }),
              AllOf(HasSubstr("rows.h5, rows: rows 8 to 11"), HasSubstr("but it has 10")));
}

TEST(Hdf5File, AttributesComeBackAndAreReplaced) {
  Hdf5File file = Hdf5File::create(fresh_path("attributes.h5"));
  file.create_group("train/inner");

  file.set_attribute("/", "schema", "annulus-dataset-1");
  file.set_attribute("/", "classes", std::vector<std::string>{"cat", "", "d\u00f6g"});
  file.set_attribute("train", "step", std::int64_t{-3});
  file.set_attribute("train", "step", std::int64_t{4});
  file.set_attribute("train", "hash", std::numeric_limits<std::uint64_t>::max());
  file.set_attribute("train/inner", "rate", 0.1);
  file.set_attribute("/", "none", std::vector<std::string>{});

  EXPECT_EQ(file.string_attribute("/", "schema"), "annulus-dataset-1");
  EXPECT_THAT(file.strings_attribute("/", "classes"), ElementsAre("cat", "", "d\u00f6g"));
  EXPECT_THAT(file.strings_attribute("/", "none"), ElementsAre());
  EXPECT_EQ(file.int64_attribute("train", "step"), 4);
  EXPECT_EQ(file.uint64_attribute("train", "hash"), std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(file.double_attribute("train/inner", "rate"), 0.1);
  EXPECT_THAT(file.attributes("train"), ElementsAre("hash", "step"));
  EXPECT_FALSE(file.has_attribute("train", "classes"));
  EXPECT_THAT(error_of([&] { file.double_attribute("/", "schema"); }), HasSubstr("attribute schema of /"));
  EXPECT_THAT(error_of([&] { file.string_attribute("/", "title"); }), HasSubstr("has no attribute title"));
}

TEST(Hdf5File, ReadsStringsOfFixedLength) {
  const std::string path = fresh_path("fixed.h5");
  Hdf5File::create(path).close();
  write_fixed_texts(path, H5T_STR_NULLPAD, [](hid_t file, hid_t type, hid_t space) {
    const hid_t attribute = H5Acreate2(file, "classes", type, space, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(attribute, type, "cat\0bird");
    H5Aclose(attribute);
  });

  const auto classes = Hdf5File::open(path).strings_attribute("/", "classes");

  EXPECT_THAT(classes, ElementsAre("cat", "bird"));
}

TEST(Hdf5File, SameContentsGiveTheSameBytes) {
  const auto write_one = [](const std::string& path) {
    Hdf5File file = Hdf5File::create(path);
    file.write("a/b", {2}, view(std::vector<float>{1, 2}));
    file.set_attribute("/", "text", "value");
    file.close();
    return file_text(path);
  };
  const std::string path = fresh_path("same1.h5");

  const std::string first = write_one(path);

  EXPECT_EQ(write_one(fresh_path("same2.h5")), first);
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  H5O_info_t info{};
#if H5_VERSION_GE(1, 12, 0)
  H5Oget_info_by_name(file, "a/b", &info, H5O_INFO_TIME, H5P_DEFAULT);
#else
  H5Oget_info_by_name2(file, "a/b", &info, H5O_INFO_TIME, H5P_DEFAULT);
#endif
  H5Fclose(file);
  EXPECT_EQ(info.ctime, 0) << "a time of writing would differ a second later";
}

TEST(Hdf5File, NamesWhatIsWrongWithAFile) {
  const std::string text = fresh_path("text.h5");
  write_text(text, "this is not HDF5");
  const std::string cut = fresh_path("cut.h5");
  Hdf5File file = Hdf5File::create(cut);
  file.write("values", {1000}, view(std::vector<double>(1000, 1.0)));
  file.close();
  std::filesystem::resize_file(cut, std::filesystem::file_size(cut) / 2);

  EXPECT_THAT(error_of([] { Hdf5File::open("/nowhere/cifar10.h5"); }),
              AllOf(HasSubstr("/nowhere/cifar10.h5: no such file"), HasSubstr("annulus data import")));
  EXPECT_THAT(error_of([] { Hdf5File::open(testing::TempDir()); }), HasSubstr("is a folder"));
  EXPECT_THAT(error_of([&] { Hdf5File::open(text); }), HasSubstr("is not an HDF5 file"));
  EXPECT_THAT(error_of([&] { Hdf5File::open(cut); }),
              AllOf(HasSubstr("cut.h5"), HasSubstr("truncated file"), HasSubstr("make it again")));
  EXPECT_THAT(error_of([&] { Hdf5File::create(text); }), HasSubstr("exists already"));
  EXPECT_THAT(error_of([] { Hdf5File::create("/nowhere/a.h5"); }),
              AllOf(HasSubstr("cannot be written"), HasSubstr("No such file or directory")));
}

TEST(Hdf5File, ListsWhatIsThereWhenADatasetIsMissing) {
  Hdf5File file = Hdf5File::create(fresh_path("missing.h5"));
  file.write("train/images", {1}, view(std::vector<std::uint8_t>{1}));
  file.write("train/labels", {1}, view(std::vector<std::uint8_t>{1}));

  const std::string message = error_of([&] { file.dataset("train/imags"); });

  EXPECT_THAT(message, AllOf(HasSubstr("no dataset train/imags"), HasSubstr("train/images, train/labels"),
                             HasSubstr("Did you mean train/images?")));
  EXPECT_THAT(error_of([&] { file.dataset("train"); }), HasSubstr("is a group"));
}

TEST(Hdf5File, RefusesConversionsThatLose) {
  Hdf5File file = Hdf5File::create(fresh_path("convert.h5"));
  file.write("doubles", {1}, view(std::vector<double>{0.1}));
  file.write("ints", {1}, view(std::vector<std::int64_t>{1}));

  EXPECT_THAT(error_of([&] { file.read<float>("doubles"); }),
              AllOf(HasSubstr("doubles: holds float64 values where float32 is needed")));
  EXPECT_THAT(error_of([&] { file.read<std::int32_t>("ints"); }), HasSubstr("int64 values where int32"));
  EXPECT_THAT(error_of([&] { file.read<float>("ints"); }), HasSubstr("int64 values where float32"));
}

TEST(Hdf5File, ChecksClaimedSizesBeforeAllocating) {
  const std::string path = fresh_path("claims.h5");
  Hdf5File file = Hdf5File::create(path);
  file.create_dataset("never_written", ElementType::float32, {1000});
  // A petabyte that costs nothing to claim: chunks that were never written.
  Hdf5Dataset huge = file.create_dataset("huge", ElementType::float32, {0, 1024},
                                         {.chunk_rows = 16, .growth = Hdf5Layout::Growth::extendable});
  const std::vector<float> row(1024, 1.0f);
  huge.write_rows(std::uint64_t{1} << 40, 1, view(row));

  EXPECT_THAT(error_of([&] { file.read<float>("never_written"); }), HasSubstr("claims 4000 bytes"));
  EXPECT_THAT(error_of([&] { file.read<float>("huge"); }), HasSubstr("but the file holds only"));
  EXPECT_THAT(
      error_of([] {
        checked_bytes({.extents = {std::int64_t{1} << 40, std::int64_t{1} << 40}, .type = {{}, 4}}, "f", "d");
      }),
      HasSubstr("more values than any memory holds"));
}

TEST(Hdf5File, ListsDatasetsOnlySoDeep) {
  Hdf5File file = Hdf5File::create(fresh_path("deep.h5"));
  for (const char* name : {"a/one", "a/b/two", "a/b/c/three", "other"})
    file.write(name, {1}, view(std::vector<float>{1}));

  EXPECT_THAT(file.datasets("a", 1), ElementsAre("a/one"));
  EXPECT_THAT(file.datasets("a", 2), ElementsAre("a/b/two", "a/one"));
  EXPECT_THAT(file.datasets("a", 9), ElementsAre("a/b/c/three", "a/b/two", "a/one"));
  EXPECT_THAT(file.datasets("nothing", 9), ElementsAre());
}

/// Looking up every level from the root would take minutes.
TEST(Hdf5File, NamesMayLeadThroughAThousandGroups) {
  const std::string path = fresh_path("thousand.h5");
  std::string deep;
  for (int level = 0; level < 1000; ++level) deep += "g/";
  {
    Hdf5File file = Hdf5File::create(path);
    file.write(deep + "values", {2}, view(std::vector<std::int32_t>{7, 8}));
    file.close();
  }

  const Hdf5File file = Hdf5File::open(path);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(file.exists(deep + "values"));
  EXPECT_TRUE(file.exists("/" + deep + "./values"));
  EXPECT_FALSE(file.exists(deep + "g/values"));
  EXPECT_FALSE(file.is_dataset(deep));
  EXPECT_EQ(file.read<std::int32_t>(deep + "values"), (std::vector<std::int32_t>{7, 8}));
}

TEST(Hdf5File, IsSilentAndUsableFromAnotherThread) {
  const std::string path = fresh_path("thread.h5");
  Hdf5File file = Hdf5File::create(path);
  file.write("values", {2}, view(std::vector<float>{1, 2}));
  std::string message;
  std::vector<float> values;

  testing::internal::CaptureStderr();
  std::thread reader([&] {
    values = file.read<float>("values");
    message = error_of([&] { Hdf5File::create("/nowhere/else.h5"); });
  });
  reader.join();

  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  EXPECT_THAT(values, ElementsAre(1, 2));
  EXPECT_THAT(message, HasSubstr("cannot be written"));
}

/// No file may grow beyond `bytes`, as where the disk is full; for processes of their own.
void limit_files(rlim_t bytes) {
  std::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{.rlim_cur = bytes, .rlim_max = RLIM_INFINITY};
  ::setrlimit(RLIMIT_FSIZE, &limit);
}

/// Writes a file on a disk with room for a part of it. @param room_later  before it is closed, there is more
[[noreturn]] void write_on_full_disk(const std::string& path, bool room_later) {
  limit_files(50000);
  const std::string message = error_of([&] {
    Hdf5File file = Hdf5File::create(path);
    for (const char* name : {"first", "second", "third"})
      file.write(name, {10000}, view(std::vector<float>(10000)), {.chunk_rows = 5000});
    if (room_later) limit_files(RLIM_INFINITY);
    file.close();
  });
  std::fprintf(stderr, "%s\n", message.c_str());
  std::_Exit(0);
}

TEST(Hdf5File, SaysOnceThatTheDiskIsFull) {
  EXPECT_EXIT(
      write_on_full_disk(fresh_path("full.h5"), false), testing::ExitedWithCode(0),
      MatchesRegex("[^\n]*full.h5: cannot be written[^\n]*: File too large;[^\n]*free space[^\n]*\n"));
}

TEST(Hdf5File, IsNotClosedWithAHole) {
  EXPECT_EXIT(
      write_on_full_disk(fresh_path("hole.h5"), true), testing::ExitedWithCode(0),
      MatchesRegex("[^\n]*hole.h5: cannot be written: a part of it was lost[^\n]*: File too large;[^\n]*\n"));
}

/// Says what comes of closing a file that lost a part, and of another one that was open all the time.
[[noreturn]] void close_beside_a_hole(const std::string& hole_path, const std::string& whole_path) {
  Hdf5File whole = Hdf5File::create(whole_path);
  whole.write("values", {2}, view(std::vector<float>{1, 2}));
  Hdf5File hole = Hdf5File::create(hole_path);
  limit_files(50000);
  for (const char* name : {"first", "second", "third"})
    hole.write(name, {10000}, view(std::vector<float>(10000)), {.chunk_rows = 5000});
  limit_files(RLIM_INFINITY);
  std::fprintf(stderr, "whole: %s\n", error_of([&] { whole.close(); }).c_str());
  std::fprintf(stderr, "hole: %s\n", error_of([&] { hole.close(); }).c_str());
  std::_Exit(0);
}

TEST(Hdf5File, IsNotBlamedForAHoleInAnother) {
  EXPECT_EXIT(close_beside_a_hole(fresh_path("hole.h5"), fresh_path("whole.h5")), testing::ExitedWithCode(0),
              MatchesRegex("whole: \nhole: [^\n]*hole.h5: cannot be written: a part of it was lost[^\n]*\n"));
}

TEST(NearestName, SuggestsOnlyWhatIsNear) {
  const std::vector<std::string> names{"train/images", "train/labels", "test/images"};

  EXPECT_EQ(nearest_name("train/image", names), "train/images");
  EXPECT_EQ(nearest_name("test/imagse", names), "test/images");
  EXPECT_EQ(nearest_name("momentum", names), "");
  EXPECT_EQ(nearest_name("x", {}), "");
}

}  // namespace
}  // namespace annulus::io
