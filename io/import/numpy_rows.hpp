// Rows of saved arrays, whatever the order of their axes. Internal to io/import.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "io/import/numpy_array.hpp"

namespace annulus::io {

/// Reads rows of an array, a block of them at a time. Not for several threads.
class NumpyRows {
 public:
  /// @param axes  a letter for each axis of the array, 'N' among them
  /// @param wanted  the others in the order in which the values of a row are handed out
  /// @pre both have the same letters, each once, 'N' aside
  NumpyRows(NumpyArray array, const std::string& axes, const std::string& wanted);

  const NumpyArray& array() const { return array_; }
  std::uint64_t rows() const { return rows_; }
  std::size_t values_per_row() const { return places_.size(); }
  /// @return a value of a row, `type.bytes` of them; valid until another row is asked for
  /// @throws DataError when the file cannot be read any more
  const std::byte* value(std::uint64_t row, std::size_t i);

 private:
  /// A value inside a block: the block holds `outer` groups of rows, each row with `inner_` values.
  struct Place {
    std::uint64_t group;
    std::uint64_t inside;
  };
  void load(std::uint64_t row);

  NumpyArray array_;
  std::uint64_t rows_ = 0;
  std::uint64_t groups_ = 1;  ///< values per row that lie further apart than rows
  std::uint64_t inner_ = 1;   ///< and those that lie closer
  std::vector<Place> places_;
  std::uint64_t first_ = 0;  ///< rows that are in the block
  std::uint64_t count_ = 0;
  std::vector<std::byte> block_;
};

}  // namespace annulus::io
