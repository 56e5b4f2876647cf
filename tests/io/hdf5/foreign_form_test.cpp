// Forms in which other programs write HDF5: read where nothing is lost, and named where this library cannot
// read them. The files of tests/io/data are made by make_hdf5.py there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <hdf5.h>

#include <numeric>

#include "io/hdf5/file.hpp"
#include "tests/io/foreign_hdf5.hpp"
#include "tests/io/io_test_support.hpp"
#include "tests/support/source_dir.hpp"

#ifdef __SANITIZE_ADDRESS__
/// HDF5 1.10.8 loses 64 bytes when it gives up a dataset whose form it does not know.
extern "C" const char* __lsan_default_suppressions();  // NOLINT(bugprone-reserved-identifier)
extern "C" const char* __lsan_default_suppressions() { return "leak:libhdf5_serial"; }
#endif

namespace annulus::io {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

Hdf5File open_made(const std::string& name) {
  return Hdf5File::open(source_dir() + "/tests/io/data/" + name);
}

/// The images that make_hdf5.py writes.
std::vector<std::uint8_t> made_images() {
  std::vector<std::uint8_t> values(7 * 4 * 5 * 2);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<std::uint8_t>(i % 11);
  return values;
}

/// A new file with one dataset `made`, filled by the library itself.
template <class Call>
std::string with_library(Call&& call) {
  const std::string path = fresh_path("made.h5");
  const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_EXCL, H5P_DEFAULT, H5P_DEFAULT);
  EXPECT_GE(file, 0);
  call(file);
  EXPECT_GE(H5Fclose(file), 0);
  return path;
}

template <class Value>
void write_made(hid_t file, hid_t stored, hid_t memory, const std::vector<Value>& values) {
  const hsize_t size = values.size();
  const hid_t space = H5Screate_simple(1, &size, nullptr);
  const hid_t dataset = H5Dcreate2(file, "made", stored, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  EXPECT_GE(H5Dwrite(dataset, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), 0);
  H5Dclose(dataset);
  H5Sclose(space);
}

/// A chunked dataset of bytes with properties of its own, without values.
hid_t make_chunked(hid_t file, hsize_t size, hsize_t chunk, const std::function<void(hid_t)>& filters) {
  const hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(properties, 1, &chunk);
  filters(properties);
  const hid_t space = H5Screate_simple(1, &size, nullptr);
  const hid_t dataset =
      H5Dcreate2(file, "made", H5T_NATIVE_UINT8, space, H5P_DEFAULT, properties, H5P_DEFAULT);
  EXPECT_GE(dataset, 0);
  H5Sclose(space);
  H5Pclose(properties);
  return dataset;
}

/// Where the first chunk of a dataset begins in its file.
haddr_t place_of_chunk(const std::string& path, const char* name) {
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  const hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
  const hid_t space = H5Dget_space(dataset);
  haddr_t place = 0;
  EXPECT_GE(H5Dget_chunk_info(dataset, space, 0, nullptr, nullptr, &place, nullptr), 0);
  H5Sclose(space);
  H5Dclose(dataset);
  H5Fclose(file);
  return place;
}

void write_over(const std::string& path, haddr_t place, const std::string& bytes) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(place));
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

/// A filter for zeros alone, which packs a chunk of 1 MiB into a byte.
constexpr H5Z_filter_t kZerosFilter = 300;  // of those that are free for tests

std::size_t pack_zeros(unsigned flags, std::size_t, const unsigned*, std::size_t, std::size_t* size,
                       void** buffer) {
  if ((flags & H5Z_FLAG_REVERSE) == 0) return 1;
  H5free_memory(*buffer);
  *size = 1 << 20;
  *buffer = H5allocate_memory(*size, true);
  return *size;
}

TEST(ForeignForm, LzfOfH5pyIsRead) {
  const Hdf5File file = open_made("lzf.hdf5");

  EXPECT_THAT(file.dataset("train/images").info().filters, ElementsAre("shuffle", "lzf"));
  EXPECT_EQ(file.read<std::uint8_t>("train/images"), made_images());
}

TEST(ForeignForm, ADamagedLzfChunkIsAnError) {
  // Copies from before the beginning, runs past the end, an end too early.
  std::string few(19, 'x');
  few[0] = 17;
  for (const std::string& bytes :
       {std::string("\x20\xff"), std::string("\x1f"), std::string(19, '\0'), std::string(19, '\xe0'), few}) {
    const std::string path = fresh_path("lzf.h5");
    std::filesystem::copy_file(source_dir() + "/tests/io/data/lzf.hdf5", path);
    write_over(path, place_of_chunk(path, "train/images"), bytes);
    const Hdf5File file = Hdf5File::open(path);
    std::vector<std::uint8_t> values(40);

    EXPECT_THAT(error_of([&] { file.dataset("train/images").read_rows(0, 1, std::span(values)); }),
                AllOf(HasSubstr("train/images"), HasSubstr("cannot be read"), HasSubstr("damaged")));
  }
}

TEST(ForeignForm, AMissingFilterIsNamedWithItsRemedy) {
  const Hdf5File file = open_made("zstd.hdf5");

  EXPECT_THAT(error_of([&] { file.read<std::uint8_t>("train/images"); }),
              AllOf(HasSubstr("train/images: is packed by the filter Zstandard"),
                    HasSubstr("HDF5_PLUGIN_PATH=$(python3"), Not(HasSubstr("damaged"))));
  EXPECT_THAT(file.read<std::int64_t>("train/labels"), ElementsAre(0, 1, 2, 0, 1, 2, 0));
}

TEST(ForeignForm, AFilterThatNobodyKnowsIsNamedByItsNumber) {
  const std::string path = with_library([&](hid_t file) {
    const hid_t dataset = make_chunked(
        file, 8, 8, [](hid_t properties) { H5Pset_filter(properties, 511, H5Z_FLAG_OPTIONAL, 0, nullptr); });
    const hsize_t at = 0;
    H5Dwrite_chunk(dataset, H5P_DEFAULT, 0, &at, 3, "abc");
    H5Dclose(dataset);
  });

  EXPECT_THAT(
      error_of([&] { Hdf5File::open(path).read<std::uint8_t>("made"); }),
      AllOf(HasSubstr("the filter number 511"), HasSubstr("HDF5_PLUGIN_PATH"), Not(HasSubstr("hdf5plugin"))));
}

TEST(ForeignForm, TheNewestFormIsNamedAndHarmsNothingBesideIt) {
  const Hdf5File file = open_made("latest.hdf5");

  for (const char* name : {"train/packed", "train/mask"}) {
    EXPECT_TRUE(file.is_dataset(name));
    EXPECT_THAT(error_of([&] { file.dataset(name); }),
                AllOf(HasSubstr("in a form that this HDF5"), HasSubstr("without libver='latest'")));
  }
  EXPECT_EQ(file.read<std::uint8_t>("train/images"), made_images());
}

TEST(ForeignForm, AFileThatWasNeverClosedIsNamedWithoutTheHintThatCutsIt) {
  EXPECT_THAT(error_of([] { open_made("pending.hdf5"); }),
              AllOf(HasSubstr("was not closed by the program that writes it"),
                    HasSubstr("h5clear -s --increment=0 copy.h5"), Not(HasSubstr("<h5clear"))));
}

TEST(ForeignForm, HalfPrecisionAndNamedNumbersAreNumbers) {
  const std::vector<float> reals{0, -1.5, 65504, 0.000061035156F, 1.0F / 3};
  const std::string half = with_library([&](hid_t file) {
    const hid_t type = H5Tcopy(H5T_IEEE_F32LE);
    H5Tset_fields(type, 15, 10, 5, 0, 10);
    H5Tset_size(type, 2);
    H5Tset_ebias(type, 15);
    write_made(file, type, H5T_NATIVE_FLOAT, reals);
    H5Tclose(type);
  });
  const std::string truth = with_library([&](hid_t file) {
    const hid_t type = make_bool_type();
    write_made(file, type, type, std::vector<std::int8_t>{1, 0, 1});
    H5Tclose(type);
  });

  const std::string words = with_library([&](hid_t file) {
    const hid_t type = H5Tenum_create(H5T_NATIVE_INT8);
    for (std::int8_t value : {0, 1}) H5Tenum_insert(type, value == 0 ? "FALSE" : "CAT", &value);
    write_made(file, type, type, std::vector<std::int8_t>{1, 0, 1});
    H5Tclose(type);
  });

  EXPECT_EQ(to_string(Hdf5File::open(half).dataset("made").info().type), "float16");
  EXPECT_THAT(Hdf5File::open(half).read<float>("made"),
              ElementsAre(0, -1.5, 65504, 0.000061035156F, 0.33325195F));  // numpy's float16(1/3)
  EXPECT_THAT(Hdf5File::open(truth).read<std::int64_t>("made"), ElementsAre(1, 0, 1));
  EXPECT_EQ(to_string(Hdf5File::open(truth).dataset("made").info().type), "bool");
  EXPECT_EQ(to_string(Hdf5File::open(words).dataset("made").info().type), "int8");
}

TEST(ForeignForm, FewBytesAreEnoughWhenEveryChunkIsThere) {
  constexpr std::int64_t kSize = 80 << 20;
  const DatasetInfo sparse{.extents = {kSize},
                           .type = {StoredType::Kind::unsigned_integer, 1},
                           .chunk = {1 << 20},
                           .filters = {"deflate", "deflate"},
                           .stored_bytes = 4000,
                           .stored_chunks = 80};
  DatasetInfo unfinished = sparse;
  unfinished.stored_chunks = 79;

  EXPECT_EQ(checked_bytes(sparse, "s.h5", "d"), static_cast<std::uint64_t>(kSize));
  EXPECT_THAT(error_of([&] { checked_bytes(unfinished, "s.h5", "d"); }),
              HasSubstr("only 79 of its 80 chunks were ever written"));
  EXPECT_THAT(error_of([&] { checked_bytes(sparse, "s.h5", "d", Sparse::refuse); }),
              HasSubstr("claims 83886080 bytes"));
}

TEST(ForeignForm, ChunksAreCountedWhereTheyArePackedSurprisinglyWell) {
  constexpr hsize_t kChunk = 1 << 20;
  constexpr hsize_t kChunks = 66;
  const H5Z_class2_t filter{H5Z_CLASS_T_VERS, kZerosFilter, 1, 1, "zeros", nullptr, nullptr, pack_zeros};
  ASSERT_GE(H5Zregister(&filter), 0);
  const auto write = [&](hsize_t chunks) {
    return with_library([&](hid_t file) {
      const hid_t dataset = make_chunked(file, kChunks * kChunk, kChunk, [](hid_t properties) {
        H5Pset_filter(properties, kZerosFilter, H5Z_FLAG_MANDATORY, 0, nullptr);
      });
      for (hsize_t at = 0; at < chunks * kChunk; at += kChunk)
        EXPECT_GE(H5Dwrite_chunk(dataset, H5P_DEFAULT, 0, &at, 1, "0"), 0);
      H5Dclose(dataset);
    });
  };
  const std::string path = write(kChunks);
  const std::string unfinished = write(kChunks - 1);
  const Hdf5File file = Hdf5File::open(path);
  const DatasetInfo info = file.dataset("made").info();
  std::vector<std::uint8_t> last(1, 9);

  file.dataset("made").read_rows(kChunks * kChunk - 1, 1, std::span(last));

  EXPECT_EQ(info.stored_bytes, kChunks);
  EXPECT_EQ(info.stored_chunks, std::optional<std::uint64_t>(kChunks));
  EXPECT_EQ(checked_bytes(info, path, "made"), kChunks * kChunk);
  EXPECT_EQ(last[0], 0);
  EXPECT_THAT(
      error_of([&] { checked_bytes(Hdf5File::open(unfinished).dataset("made").info(), unfinished, "made"); }),
      HasSubstr("only 65 of its 66 chunks"));
  H5Zunregister(kZerosFilter);
}

}  // namespace
}  // namespace annulus::io
