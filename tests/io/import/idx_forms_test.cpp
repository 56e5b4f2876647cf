// IDX files of MNIST's relatives: QMNIST's labels of many columns, EMNIST's images that lie on their side.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "io/hdf5/file.hpp"
#include "io/import/import.hpp"
#include "tests/io/io_test_support.hpp"
#include "tests/io/pictures/image_test_support.hpp"

namespace annulus::io {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

std::string idx(char type, const std::vector<unsigned>& extents, const std::string& values) {
  std::string text{0, 0, type, static_cast<char>(extents.size())};
  for (const unsigned extent : extents)
    for (int shift = 24; shift >= 0; shift -= 8) text += static_cast<char>(extent >> shift & 0xff);
  return text + values;
}

/// Big-endian 32-bit numbers.
std::string integers(const std::vector<int>& values) {
  std::string text;
  for (const int value : values)
    for (int shift = 24; shift >= 0; shift -= 8) text += static_cast<char>(value >> shift & 0xff);
  return text;
}

void write_emnist(const std::string& folder, const std::string& set, const std::string& labels) {
  const std::string begin = folder + "/emnist-" + set;
  for (const char* split : {"train", "test"}) {
    write_text(begin + "-" + split + "-images-idx3-ubyte", idx(8, {2, 2, 3}, "adbecfgjhkil"));
    write_text(begin + "-" + split + "-labels-idx1-ubyte", idx(8, {2}, labels));
  }
}

std::string text_of(const Hdf5File& file, const std::string& name) {
  const auto bytes = file.read<std::uint8_t>(name);
  return {bytes.begin(), bytes.end()};
}

TEST(ImportQmnist, TakesTheFirstOfEightColumns) {
  const std::string folder = fresh_path("qmnist");
  for (const char* split : {"train", "test"}) {
    const std::string begin = folder + "/qmnist-" + split;
    std::filesystem::create_directories(folder);
    write_gzip(begin + "-images-idx3-ubyte.gz", idx(8, {2, 1, 1}, "ab"));
    write_gzip(begin + "-labels-idx2-int.gz",
               idx(12, {2, 8}, integers({5, 0, 2554, 255, 3, 25539, 0, 0, 3, 1, 300, 7, 4, 30000, 0, 0})));
  }
  const std::string output = fresh_path("qmnist.h5");

  import_idx({.source = folder, .output = output});

  const Hdf5File file = Hdf5File::open(output);
  EXPECT_THAT(file.read<std::int32_t>("train/labels"), ElementsAre(5, 3));
  EXPECT_THAT(file.read<std::int32_t>("test/labels"), ElementsAre(5, 3));
  EXPECT_THAT(file.strings_attribute("/", "classes"), ElementsAre("0", "1", "2", "3", "4", "5"));
}

TEST(ImportEmnist, TurnsImagesAndCountsLettersFromOne) {
  const std::string folder = fresh_path("gzip");
  write_emnist(folder, "letters", std::string{1, 3});
  write_emnist(folder, "digits", std::string{0, 1});
  write_text(folder + "/emnist-letters-mapping.txt", "1 65 97\n2 66 98\n3 67 99\n");
  const std::string output = fresh_path("letters.h5");
  const std::string named = fresh_path("named.h5");

  import_idx({.source = folder, .output = output},
             {.prefix = "emnist-letters", .axes = IdxAxes::columns_first, .first_label = 1});
  import_idx({.source = folder, .output = named}, {.pad = 1,
                                                   .prefix = "emnist-letters",
                                                   .axes = IdxAxes::columns_first,
                                                   .mapping = folder + "/emnist-letters-mapping.txt"});

  const Hdf5File file = Hdf5File::open(output);
  EXPECT_EQ(file.extents("train/images"), (Extents{2, 3, 2, 1}));
  EXPECT_EQ(text_of(file, "train/images"), "aedcbfgkjihl");
  EXPECT_THAT(file.read<std::int32_t>("train/labels"), ElementsAre(0, 2));
  EXPECT_THAT(file.strings_attribute("/", "classes"), ElementsAre("1", "2", "3"));
  EXPECT_EQ(Hdf5File::open(named).extents("train/images"), (Extents{2, 5, 4, 1}));
  EXPECT_THAT(Hdf5File::open(named).strings_attribute("/", "classes"), ElementsAre("A", "B", "C"));
  EXPECT_THAT(Hdf5File::open(named).read<std::int32_t>("test/labels"), ElementsAre(0, 2));
}

TEST(ImportEmnist, NamesWhatIsWrong) {
  const std::string folder = fresh_path("gzip");
  write_emnist(folder, "letters", std::string{1, 3});
  write_emnist(folder, "digits", std::string{0, 1});
  write_text(folder + "/bad-mapping.txt", "1 65 97\n3 67 99\n");
  const auto error = [&](const IdxOptions& options) {
    return error_of([&] { import_idx({.source = folder, .output = fresh_path("out.h5")}, options); });
  };

  EXPECT_THAT(error({}), HasSubstr("Choose one data set, for example --prefix emnist-digits."));
  EXPECT_THAT(error({.prefix = "emnist-digits", .first_label = 1}),
              HasSubstr("has the label 0, but the first one is 1 (--first-label)"));
  EXPECT_THAT(error({.prefix = "emnist-letters", .mapping = folder + "/bad-mapping.txt"}),
              HasSubstr("bad-mapping.txt: line 2"));
  EXPECT_THAT(error({.prefix = "emnist-bymerge"}), HasSubstr("holds no emnist-bymerge...train-images"));
}

TEST(ImportEmnist, WarnsOfImagesThatLieAndLabelsFromOne) {
  const std::string folder = fresh_path("gzip");
  write_emnist(folder, "letters", std::string{1, 3});
  testing::internal::CaptureStderr();

  import_idx({.source = folder, .output = fresh_path("out.h5")});

  EXPECT_THAT(
      testing::internal::GetCapturedStderr(),
      AllOf(HasSubstr("Import them with --transpose"), HasSubstr("--first-label 1 makes the first class")));
}

}  // namespace
}  // namespace annulus::io
