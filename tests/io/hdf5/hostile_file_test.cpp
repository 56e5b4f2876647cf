// Files that are made to do harm: what leads out of the file is not followed, and what would take endless
// memory is refused before it is asked for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <hdf5.h>

#include "io/dataset/dataset.hpp"
#include "io/hdf5/file.hpp"
#include "io/hdf5/server.hpp"
#include "tests/io/io_test_support.hpp"
#include "tests/support/source_dir.hpp"

namespace annulus::io {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

/// Changes a file with the library itself, as only another program would.
template <class Call>
void with_library(const std::string& path, Call&& call) {
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
  ASSERT_GE(file, 0);
  call(file);
  ASSERT_GE(H5Fclose(file), 0);
}

std::string file_with_values(const std::string& name) {
  const std::string path = fresh_path(name);
  const std::vector<float> values{1, 2, 3};
  Hdf5File file = Hdf5File::create(path);
  file.write<float>("values", {3}, values);
  file.create_group("group");
  file.close();
  return path;
}

/// Makes an empty dataset with these properties and this type.
void make_dataset(hid_t file, hid_t type, hid_t properties, std::vector<hsize_t> extents) {
  const hid_t space = H5Screate_simple(static_cast<int>(extents.size()), extents.data(), nullptr);
  const hid_t dataset = H5Dcreate2(file, "made", type, space, H5P_DEFAULT, properties, H5P_DEFAULT);
  EXPECT_GE(dataset, 0);
  H5Dclose(dataset);
  H5Sclose(space);
  H5Pclose(properties);
}

TEST(HostileFile, LinksIntoOtherFilesAreNotFollowed) {
  // Made by h5py: links into secret.h5 beside it (`stolen`, `door`), one through such a link (`detour`), one
  // inside.
  const std::string path = fresh_path("links_out.h5");
  std::filesystem::copy_file(source_dir() + "/tests/io/data/links_out.hdf5", path);
  std::filesystem::copy_file(file_with_values("secret.h5"),
                             std::filesystem::path(path).replace_filename("secret.h5"));
  const Hdf5File file = Hdf5File::open(path);

  EXPECT_FALSE(file.exists("stolen"));
  EXPECT_FALSE(file.exists("detour"));
  EXPECT_THAT(error_of([&] { file.dataset("stolen"); }), HasSubstr("stolen is a link into another file"));
  EXPECT_THAT(error_of([&] { file.dataset("door/values"); }), HasSubstr("is a link into another file"));
  EXPECT_THAT(error_of([&] { file.dataset("detour"); }),
              HasSubstr("there is no dataset detour. It holds inside, values"));
  EXPECT_THAT(file.read<float>("inside"), ElementsAre(1, 2, 3));
}

TEST(HostileFile, ValuesInOtherFilesAreNotRead) {
  const std::string secret = file_with_values("secret.h5");
  const std::string path = file_with_values("virtual.h5");
  with_library(path, [&](hid_t file) {
    const hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
    const hsize_t rows = 3;
    const hid_t space = H5Screate_simple(1, &rows, nullptr);
    H5Pset_virtual(properties, space, secret.c_str(), "/values", space);
    H5Sclose(space);
    make_dataset(file, H5T_NATIVE_FLOAT, properties, {rows});
  });

  EXPECT_THAT(error_of([&] { Hdf5File::open(path).dataset("made"); }),
              HasSubstr("keeps its values in another file, which is not followed"));
}

TEST(HostileFile, AChunkLargerThanMemoryIsRefused) {
  const std::string path = file_with_values("chunk.h5");
  with_library(path, [&](hid_t file) {
    const hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
    const hsize_t chunk = hsize_t{3} << 28;  // 3 GiB of floats
    H5Pset_chunk(properties, 1, &chunk);
    H5Pset_deflate(properties, 1);
    make_dataset(file, H5T_NATIVE_FLOAT, properties, {chunk});
  });

  EXPECT_THAT(error_of([&] { Hdf5File::open(path).dataset("made"); }),
              AllOf(HasSubstr("more than 1024 MB of memory"), HasSubstr("h5repack -l")));
}

TEST(HostileFile, NoCompressionIsBelievedToWorkWonders) {
  const DatasetInfo bomb{.extents = {1 << 30},
                         .type = {StoredType::Kind::unsigned_integer, 1},
                         .chunk = {1 << 20},
                         .filters = {"deflate"},
                         .stored_bytes = 500'000};
  DatasetInfo zeros = bomb;
  zeros.stored_bytes = 1'050'000;  // what deflate makes of as many zeros
  const std::string path = fresh_path("large");
  write_text(path, std::string(1'100'000, ' '));

  EXPECT_THAT(error_of([&] { checked_bytes(bomb, path, "d"); }), HasSubstr("but the file holds only 500000"));
  EXPECT_EQ(checked_bytes(zeros, path, "d"), std::uint64_t{1} << 30);
}

TEST(HostileFile, PackingThatTrustsTheFileIsRefused) {
  const std::string path = file_with_values("packed.h5");
  with_library(path, [&](hid_t file) {
    const hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
    const hsize_t chunk = 4;
    H5Pset_chunk(properties, 1, &chunk);
    H5Pset_scaleoffset(properties, H5Z_SO_INT, 4);
    make_dataset(file, H5T_NATIVE_INT32, properties, {8});
  });

  EXPECT_THAT(error_of([&] { Hdf5File::open(path).dataset("made"); }),
              HasSubstr("packed by the filter scaleoffset"));
}

TEST(HostileFile, NumbersOfUnusualBitsAreNoNumbers) {
  const std::string path = file_with_values("bits.h5");
  with_library(path, [&](hid_t file) {
    const hid_t odd = H5Tcopy(H5T_NATIVE_INT32);
    H5Tset_precision(odd, 17);
    make_dataset(file, odd, H5Pcreate(H5P_DATASET_CREATE), {8});
    H5Tclose(odd);
  });

  const Hdf5File file = Hdf5File::open(path);
  std::vector<std::int32_t> values(8);
  EXPECT_THAT(error_of([&] { file.dataset("made").read_rows(0, 8, std::span(values)); }),
              HasSubstr("non-numeric"));
}

TEST(HostileFile, AnImageLargerThanAnyNetworkTakesIsRefused) {
  const std::string path = fresh_path("huge_image.h5");
  Hdf5File file = Hdf5File::create(path);
  file.create_dataset("train/images", ElementType::uint8,
                      {1, std::int64_t{1} << 40, std::int64_t{1} << 40, 3});
  file.close();

  EXPECT_THAT(error_of([&] { open_dataset({.path = path}, make_private_memory); }),
              HasSubstr("one image has more than 268435456 values"));
}

TEST(HostileFile, TouchingPassesOverPlainErrors) {
  const std::string path = file_with_values("plain.h5");
  with_library(path, [&](hid_t file) {
    H5Lcreate_soft("/nowhere", file, "dangling", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_hard(file, "/", file, "group/circle", H5P_DEFAULT, H5P_DEFAULT);
  });

  EXPECT_EQ(error_of([&] { touch(Hdf5File::open(path)); }), "");
}

}  // namespace
}  // namespace annulus::io
