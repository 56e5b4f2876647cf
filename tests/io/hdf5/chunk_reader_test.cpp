// Chunks that are unpacked here hold what the library says, in all forms in which other programs store them,
// and damaged ones are named with their rows.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <array>
#include <numeric>

#include "io/hdf5/file.hpp"
#include "io/hdf5/process.hpp"
#include "tests/io/foreign_hdf5.hpp"
#include "tests/io/io_test_support.hpp"
#include "tests/support/forked_reader.hpp"

namespace annulus::io {
namespace {

using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr hsize_t kRows = 10;  // in chunks of 4: the last one holds 2
constexpr hsize_t kRow = 6;
constexpr hsize_t kChunk = 4;
constexpr std::size_t kChunkValues = kChunk * kRow;

enum class Packing { none, deflate, shuffle, shuffle_deflate, deflate_fletcher, deflate_twice };

hid_t properties(Packing packing, hsize_t chunk_columns = kRow) {
  const hid_t plist = H5Pcreate(H5P_DATASET_CREATE);
  const std::array<hsize_t, 2> chunk{kChunk, chunk_columns};
  H5Pset_chunk(plist, 2, chunk.data());
  if (packing == Packing::shuffle || packing == Packing::shuffle_deflate) H5Pset_shuffle(plist);
  if (packing != Packing::none && packing != Packing::shuffle) H5Pset_deflate(plist, 4);
  if (packing == Packing::deflate_twice) H5Pset_deflate(plist, 1);
  if (packing == Packing::deflate_fletcher) H5Pset_fletcher32(plist);
  return plist;
}

/// A file with the dataset "d", (10, 6); `fill` gets it. Takes the properties over.
template <class Fill>
std::string file_with(hid_t type, hid_t plist, Fill&& fill) {
  const std::string path = fresh_path("chunks.h5");
  Hdf5File::create(path).close();
  const LibraryFile file(path);
  const std::array<hsize_t, 2> extents{kRows, kRow};
  const hid_t space = H5Screate_simple(2, extents.data(), nullptr);
  const hid_t dataset = H5Dcreate2(file.id(), "d", type, space, H5P_DEFAULT, plist, H5P_DEFAULT);
  EXPECT_GE(dataset, 0);
  fill(dataset);
  H5Dclose(dataset), H5Sclose(space), H5Pclose(plist);
  return path;
}

template <class Value>
std::vector<Value> values_of_all() {
  std::vector<Value> values(kRows * kRow);
  std::iota(values.begin(), values.end(), Value{3});
  return values;
}

/// Both ways to read: by this process, and by another one with several threads.
class ChunkReading : public testing::TestWithParam<bool> {
 protected:
  ChunkReading() {
    if (!GetParam()) return;
    set_hdf5_reader(fork_reader());
    set_unpack_threads(3);
  }
  ~ChunkReading() override {
    set_hdf5_reader({});
    set_unpack_threads(1);
  }

  template <class Value>
  static std::vector<Value> rows(const std::string& path, std::uint64_t first, std::uint64_t count) {
    std::vector<Value> values(count * kRow);
    Hdf5File::open(path).dataset("d").read_rows(first, count, std::span<Value>(values));
    return values;
  }
  static std::string error_at(const std::string& path, std::uint64_t first, std::uint64_t count) {
    return error_of([&] { rows<std::uint8_t>(path, first, count); });
  }

  /// Everything, some of it, and pieces in another order.
  template <class Value>
  static void expect_values(const std::string& path) {
    const std::vector<Value> all = values_of_all<Value>();
    EXPECT_EQ(rows<Value>(path, 0, kRows), all);
    EXPECT_EQ(rows<Value>(path, 3, 6), std::vector<Value>(all.begin() + 3 * kRow, all.begin() + 9 * kRow));
    std::vector<Value> last(2 * kRow), first(kChunkValues);
    const std::array pieces{RowPiece{8, 2, reinterpret_cast<std::byte*>(last.data())},
                            RowPiece{0, kChunk, reinterpret_cast<std::byte*>(first.data())}};
    const Hdf5Dataset dataset = Hdf5File::open(path).dataset("d");
    EXPECT_GT(dataset.read_pieces(element_type_of<Value>(), pieces), 0u);
    EXPECT_EQ(last, std::vector<Value>(all.begin() + 8 * kRow, all.end()));
    EXPECT_EQ(first, std::vector<Value>(all.begin(), all.begin() + kChunkValues));
  }
};

INSTANTIATE_TEST_SUITE_P(Readers, ChunkReading, testing::Bool(),
                         [](const auto& each) { return each.param ? "another" : "this_one"; });

template <class Value>
std::string written(hid_t stored, hid_t memory, hid_t plist) {
  return file_with(stored, plist, [&](hid_t dataset) {
    EXPECT_GE(H5Dwrite(dataset, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, values_of_all<Value>().data()), 0);
  });
}

TEST_P(ChunkReading, EveryFormHoldsTheSame) {
  for (const Packing packing : {Packing::none, Packing::deflate, Packing::shuffle, Packing::shuffle_deflate,
                                Packing::deflate_fletcher, Packing::deflate_twice}) {
    SCOPED_TRACE(static_cast<int>(packing));
    expect_values<std::uint8_t>(written<std::uint8_t>(H5T_STD_U8LE, H5T_NATIVE_UINT8, properties(packing)));
    expect_values<float>(written<float>(H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, properties(packing)));
    expect_values<float>(written<float>(H5T_IEEE_F32BE, H5T_NATIVE_FLOAT, properties(packing)));
    expect_values<std::int64_t>(written<std::int64_t>(H5T_STD_I64LE, H5T_NATIVE_INT64, properties(packing)));
    expect_values<std::int32_t>(written<std::int32_t>(H5T_STD_I16LE, H5T_NATIVE_INT32, properties(packing)));
    expect_values<float>(written<float>(H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, properties(packing, 4)));
  }
}

TEST_P(ChunkReading, TheShortLastChunkMayLieThereUnpacked) {
  const hid_t plist = properties(Packing::deflate);
  H5Pset_chunk_opts(plist, H5D_CHUNK_DONT_FILTER_PARTIAL_CHUNKS);
  expect_values<float>(written<float>(H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, plist));
}

TEST_P(ChunkReading, ChunksThatWereNeverWrittenHoldWhatStandsForThem) {
  const hid_t plist = properties(Packing::deflate);
  const std::uint8_t fill = 7;
  H5Pset_fill_value(plist, H5T_NATIVE_UINT8, &fill);
  H5Pset_alloc_time(plist, H5D_ALLOC_TIME_INCR);
  const std::string path = file_with(H5T_STD_U8LE, plist, [](hid_t dataset) {
    const hsize_t first[2]{4, 0}, count[2]{4, kRow};
    const hid_t file = H5Dget_space(dataset), memory = H5Screate_simple(2, count, nullptr);
    H5Sselect_hyperslab(file, H5S_SELECT_SET, first, nullptr, count, nullptr);
    const std::vector<std::uint8_t> ones(kChunkValues, 1);
    EXPECT_GE(H5Dwrite(dataset, H5T_NATIVE_UINT8, memory, file, H5P_DEFAULT, ones.data()), 0);
    H5Sclose(file), H5Sclose(memory);
  });
  EXPECT_THAT(rows<std::uint8_t>(path, 0, 4), Each(7));
  EXPECT_THAT(rows<std::uint8_t>(path, 4, 4), Each(1));
  std::vector<std::uint8_t> expected(kRows * kRow, 7);
  std::fill_n(expected.begin() + kChunkValues, kChunkValues, std::uint8_t{1});
  EXPECT_EQ(rows<std::uint8_t>(path, 0, kRows), expected);
}

std::vector<std::byte> packed(std::span<const std::byte> bytes) {
  uLongf size = compressBound(bytes.size());
  std::vector<std::byte> target(size);
  EXPECT_EQ(compress2(reinterpret_cast<Bytef*>(target.data()), &size,
                      reinterpret_cast<const Bytef*>(bytes.data()), bytes.size(), 4),
            Z_OK);
  target.resize(size);
  return target;
}

std::vector<std::byte> shuffled(std::span<const std::byte> bytes, std::size_t value_bytes) {
  std::vector<std::byte> target(bytes.size());
  const std::size_t count = bytes.size() / value_bytes;
  for (std::size_t i = 0; i < bytes.size(); ++i) target[i % value_bytes * count + i / value_bytes] = bytes[i];
  return target;
}

void write_chunk(hid_t dataset, hsize_t chunk, std::uint32_t mask, std::span<const std::byte> bytes) {
  const hsize_t offset[2]{chunk * kChunk, 0};
  ASSERT_GE(H5Dwrite_chunk(dataset, H5P_DEFAULT, mask, offset, bytes.size(), bytes.data()), 0);
}

TEST_P(ChunkReading, AChunkMayHavePassedOverAFilter) {
  const std::string path =
      file_with(H5T_NATIVE_FLOAT, properties(Packing::shuffle_deflate), [](hid_t dataset) {
        std::vector<float> values = values_of_all<float>();
        values.resize(3 * kChunkValues);  // what the last one is filled up with
        const auto bytes = std::as_bytes(std::span(values));
        const std::size_t size = kChunkValues * sizeof(float);
        constexpr std::uint32_t kNoShuffle = 1, kNoDeflate = 2;
        write_chunk(dataset, 0, kNoDeflate, shuffled(bytes.subspan(0, size), sizeof(float)));
        write_chunk(dataset, 1, kNoShuffle, packed(bytes.subspan(size, size)));
        write_chunk(dataset, 2, kNoShuffle | kNoDeflate, bytes.subspan(2 * size, size));
      });
  expect_values<float>(path);
}

/// A file of bytes whose middle chunk was written as these.
std::string with_middle_chunk(std::uint32_t mask, std::span<const std::byte> bytes) {
  return file_with(H5T_STD_U8LE, properties(Packing::deflate), [&](hid_t dataset) {
    const std::vector<std::uint8_t> all = values_of_all<std::uint8_t>();
    EXPECT_GE(H5Dwrite(dataset, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, all.data()), 0);
    write_chunk(dataset, 1, mask, bytes);
  });
}

TEST_P(ChunkReading, AChunkOfAnotherSizeIsNamed) {
  const std::vector<std::byte> values(kChunkValues + 1, std::byte{5});
  const std::span all(values);
  const std::string few = with_middle_chunk(0, packed(all.first(3)));
  const std::string many = with_middle_chunk(0, packed(all));
  const std::string plain = with_middle_chunk(1, all.first(10));

  EXPECT_THAT(error_at(few, 0, kRows),
              AllOf(HasSubstr("chunks.h5, d: cannot be read"),
                    HasSubstr("rows 4 to 7: their chunk inflates to 3 bytes instead of 24")));
  EXPECT_THAT(error_at(many, 0, kRows),
              HasSubstr("rows 4 to 7: their chunk inflates to more than its 24 bytes"));
  EXPECT_THAT(error_at(plain, 0, kRows), HasSubstr("rows 4 to 7: their chunk has 10 bytes instead of 24"));
  EXPECT_EQ(error_at(many, 0, 4), "") << "other chunks are well";
  EXPECT_EQ(error_at(many, 8, 2), "");
}

TEST_P(ChunkReading, ADamagedChunkIsNamedWithItsRows) {
  std::vector<std::byte> bytes = packed(std::vector<std::byte>(kChunkValues, std::byte{5}));
  bytes[bytes.size() - 1] ^= std::byte{1};  // its checksum
  const std::string sum = with_middle_chunk(0, bytes);
  bytes.assign(20, std::byte{0xff});
  const std::string nonsense = with_middle_chunk(0, bytes);
  const std::string in_part = error_at(nonsense, 5, 1);  // by the library

  for (const std::string& path : {sum, nonsense})
    EXPECT_THAT(error_at(path, 0, kRows),
                AllOf(HasSubstr("chunks.h5, d: cannot be read (rows 4 to 7: their chunk does not inflate)"),
                      HasSubstr("copy or make it again")));
  EXPECT_THAT(in_part, HasSubstr("H5Dread of rows 5 to 5: "));
}

/// A chunk that claims to be longer than packing could make it.
TEST_P(ChunkReading, AChunkOfAbsurdSizeIsTheLibrarys) {
  const std::string path = with_middle_chunk(0, std::vector<std::byte>(60'000, std::byte{0}));
  EXPECT_THAT(error_at(path, 0, kRows), HasSubstr("H5Dread of rows 4 to 7: "));
}

TEST_P(ChunkReading, BytesAreThoseOfTheFile) {
  const std::string path =
      written<float>(H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, properties(Packing::shuffle_deflate));
  const Hdf5Dataset dataset = Hdf5File::open(path).dataset("d");
  std::vector<float> values(kRows * kRow);
  const RowPiece all{0, kRows, reinterpret_cast<std::byte*>(values.data())};

  EXPECT_EQ(dataset.read_pieces(ElementType::float32, {&all, 1}), dataset.info().stored_bytes);
  const RowPiece two{3, 2, all.values};  // of two chunks, read by the library: as much as these on average
  EXPECT_EQ(dataset.read_pieces(ElementType::float32, {&two, 1}), dataset.info().stored_bytes * 8 / 10);
}

/// What a file is written through may hold newer values than the file.
TEST(ChunkReadingOfOwn, AFileOpenForWritingIsRead) {
  const std::string path = fresh_path("own.h5");
  Hdf5File file = Hdf5File::create(path);
  Hdf5Dataset dataset = file.create_dataset("d", ElementType::uint8, {8, 2}, {.chunk_rows = 4, .deflate = 1});
  const std::vector<std::uint8_t> values(16, 9);
  dataset.write_rows(0, 8, std::span(values));
  std::vector<std::uint8_t> back(16);
  dataset.read_rows(0, 8, std::span<std::uint8_t>(back));
  EXPECT_EQ(back, values);
}

}  // namespace
}  // namespace annulus::io
