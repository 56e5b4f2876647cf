// Datasets of strings, as this program and others write them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <hdf5.h>

#include "io/hdf5/file.hpp"
#include "io/hdf5/process.hpp"
#include "tests/io/foreign_hdf5.hpp"
#include "tests/io/io_test_support.hpp"
#include "tests/support/forked_reader.hpp"

namespace annulus::io {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> many_names() {
  std::vector<std::string> names;
  names.reserve(5000);
  for (int i = 0; i < 5000; ++i) names.push_back("class " + std::to_string(i));
  names[17] = "";
  names[18] = "d\u00f6g";
  return names;
}

std::string file_of_texts() {
  const std::string path = fresh_path("texts.h5");
  Hdf5File file = Hdf5File::create(path);
  file.write_texts("names", many_names());
  file.write_texts("none", {});
  file.write<std::int32_t>("numbers", {2}, std::vector<std::int32_t>{1, 2});
  file.close();
  return path;
}

class Texts : public testing::TestWithParam<bool> {
 protected:
  Texts() {
    if (GetParam()) set_hdf5_reader(fork_reader());
  }
  ~Texts() override { set_hdf5_reader({}); }
};

TEST_P(Texts, ComeBackWhateverTheirNumber) {
  const Hdf5File file = Hdf5File::open(file_of_texts());

  EXPECT_EQ(file.texts("names"), many_names());
  EXPECT_THAT(file.texts("none"), IsEmpty());
  EXPECT_THAT(file.texts("numbers"), IsEmpty()) << "not text";
  EXPECT_THAT(error_of([&] { file.texts("nowhere"); }), testing::HasSubstr("there is no dataset nowhere"));
}

INSTANTIATE_TEST_SUITE_P(Hdf5, Texts, testing::Bool(),
                         [](const auto& test) { return test.param ? "ByAnotherProcess" : "Here"; });

/// A list of two texts of four bytes each.
std::vector<std::string> of_fixed_length(H5T_str_t padding, const char* bytes) {
  const std::string path = fresh_path("fixed.h5");
  Hdf5File::create(path).close();
  write_fixed_texts(path, padding, [&](hid_t file, hid_t type, hid_t space) {
    const hid_t dataset = H5Dcreate2(file, "list", type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes);
    H5Dclose(dataset);
  });
  return Hdf5File::open(path).texts("list");
}

TEST(Hdf5Texts, OfFixedLengthAreRead) {
  EXPECT_THAT(of_fixed_length(H5T_STR_NULLPAD, "cat\0bird"), ElementsAre("cat", "bird"));
  EXPECT_THAT(of_fixed_length(H5T_STR_SPACEPAD, "cat bird"), ElementsAre("cat", "bird"));
  EXPECT_THAT(of_fixed_length(H5T_STR_SPACEPAD, "    a b "), ElementsAre("", "a b"));
}

}  // namespace
}  // namespace annulus::io
