// Whole chunks of a dataset without the library's own filters: it hands out their bytes as they are stored,
// and these are unpacked here, several chunks at a time and several times as fast. For the usual case alone;
// everything else is the library's.
//
// In: a dataset, a chunk by number.
// Out: its rows in memory; or nothing, and the library has to read them; DataError where the bytes of the
// chunk are damaged.
// Invariant: the same values as the library gives. Internal to io/hdf5.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "io/hdf5/library.hpp"

namespace annulus::io {

/// How chunks are stored that can be unpacked here: of whole rows, of values as memory holds them, packed by
/// nothing, deflate, or shuffle and deflate.
struct ChunkForm {
  ElementType type = ElementType::uint8;  ///< of the values
  std::size_t rank = 0;                   ///< extents of the dataset
  std::uint64_t rows = 1;                 ///< of a chunk; the last one may hold fewer, and is stored as long
  std::uint64_t all_rows = 0;             ///< of the dataset
  std::size_t row_bytes = 0;
  std::size_t value_bytes = 1;
  /// Places of the filters in the pipeline, which a chunk may have passed over.
  std::optional<unsigned> shuffle = {};
  std::optional<unsigned> deflate = {};

  std::size_t bytes() const { return rows * row_bytes; }
  std::uint64_t rows_in(std::uint64_t chunk) const { return std::min(rows, all_rows - chunk * rows); }
};

/// Nothing where the library has to read: chunks of another form, or a file that is open for writing.
std::optional<ChunkForm> chunk_form(hid_t dataset, const DatasetInfo& info);

/// Reads single chunks; one thread at a time uses one of these, and several may share a dataset.
class ChunkReader {
 public:
  ChunkReader(hid_t dataset, const ChunkForm& form, Hdf5Place place)
      : dataset_(dataset), form_(form), place_(std::move(place)) {}

  /// @param values  rows_in(chunk) rows
  /// @return bytes of the file; 0: nothing was read, and the library has to: a chunk that was never written
  /// (it knows what stands for it), or one whose size no packing explains
  /// @throws DataError naming the rows, for bytes that do not unpack, or to another size
  std::uint64_t read(std::uint64_t chunk, std::span<std::byte> values);

 private:
  void unpack(std::uint64_t chunk, std::uint32_t skipped, std::span<std::byte> values);
  void inflate(std::uint64_t chunk, std::span<std::byte> whole);
  [[noreturn]] void damaged(std::uint64_t chunk, const std::string& reason) const;

  hid_t dataset_;
  const ChunkForm& form_;
  Hdf5Place place_;
  std::vector<std::byte> stored_;    ///< as in the file
  std::vector<std::byte> unpacked_;  ///< a whole chunk, where it is longer than what is asked for
  std::vector<std::byte> shuffled_;
};

}  // namespace annulus::io
