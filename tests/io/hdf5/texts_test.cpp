// Datasets of strings, as this program and others write them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <hdf5.h>

#include "io/hdf5/file.hpp"
#include "io/hdf5/process.hpp"
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
  const hid_t id = H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
  const hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, 4);
  H5Tset_strpad(type, padding);
  const hsize_t size = 2;
  const hid_t space = H5Screate_simple(1, &size, nullptr);
  const hid_t dataset = H5Dcreate2(id, "list", type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes);
  H5Dclose(dataset), H5Sclose(space), H5Tclose(type), H5Fclose(id);
  return Hdf5File::open(path).texts("list");
}

TEST(Hdf5Texts, OfFixedLengthAreRead) {
  EXPECT_THAT(of_fixed_length(H5T_STR_NULLPAD, "cat\0bird"), ElementsAre("cat", "bird"));
  EXPECT_THAT(of_fixed_length(H5T_STR_SPACEPAD, "cat bird"), ElementsAre("cat", "bird"));
  EXPECT_THAT(of_fixed_length(H5T_STR_SPACEPAD, "    a b "), ElementsAre("", "a b"));
}

}  // namespace
}  // namespace annulus::io
