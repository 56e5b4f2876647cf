// What files and the library's side of them both speak of: types of elements, what is known of a dataset, and
// the owner of an identifier. Free of HDF5's headers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "base/shape.hpp"
#include "base/unique_handle.hpp"

namespace annulus::io {

/// Types that are written and read as they are. Stored integers of other widths are converted when read.
enum class ElementType { uint8, int32, int64, uint64, float32, float64 };

template <class T>
constexpr ElementType element_type_of() {
  if constexpr (std::is_same_v<T, std::uint8_t> || std::is_same_v<T, std::byte>)
    return ElementType::uint8;
  else if constexpr (std::is_same_v<T, std::int32_t>)
    return ElementType::int32;
  else if constexpr (std::is_same_v<T, std::int64_t>)
    return ElementType::int64;
  else if constexpr (std::is_same_v<T, std::uint64_t>)
    return ElementType::uint64;
  else if constexpr (std::is_same_v<T, float>)
    return ElementType::float32;
  else {
    static_assert(std::is_same_v<T, double>, "no HDF5 type for this");
    return ElementType::float64;
  }
}

/// Owner of an HDF5 identifier of any kind. A failure to close it is heard when the file is flushed or
/// closed.
struct Hdf5Traits {
  using type = std::int64_t;
  static constexpr type null = -1;
  static void close(type id) noexcept;
};
using Hdf5Handle = UniqueHandle<Hdf5Traits>;

/// How values are stored in a file.
struct StoredType {
  enum class Kind { signed_integer, unsigned_integer, real, other };
  Kind kind = Kind::other;
  std::size_t bytes = 0;
  bool is_bool = false;  ///< an enumeration FALSE = 0, TRUE = 1, as h5py writes numpy's bool
  bool is_integer() const { return kind == Kind::signed_integer || kind == Kind::unsigned_integer; }
};

/// "uint8", "float32", "bool", or, for what is not a number, "16-byte non-numeric".
std::string to_string(const StoredType& type);

struct DatasetInfo {
  Extents extents = {};
  StoredType type = {};
  Extents chunk = {};                     ///< empty when the rows are stored one after another
  std::vector<std::string> filters = {};  ///< names as HDF5 gives them, e.g. "deflate"
  std::uint64_t stored_bytes = 0;         ///< what the file really holds, after compression
  /// Chunks that the file holds; counted only where `stored_bytes` are surprisingly few (may_be_sparse()).
  std::optional<std::uint64_t> stored_chunks = {};
  /// Offset of the first value, where the file holds them one after another as memory does.
  std::optional<std::uint64_t> plain_at = {};
  std::uint64_t rows() const { return extents.empty() ? 1 : static_cast<std::uint64_t>(extents.front()); }
};

}  // namespace annulus::io
