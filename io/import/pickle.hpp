// Reads Python pickles that hold lists, dictionaries, text and NumPy arrays, as a tree of values. A pickle is
// a program for a small stack machine that may call any function of Python; here it can call none: of the
// machine only what builds these values exists, and of the functions that it may name only those by which
// NumPy writes arrays, each known by its name and done here. Internal to io/import. Format:
// https://github.com/python/cpython/blob/main/Lib/pickletools.py
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/shape.hpp"
#include "io/import/numpy_value.hpp"

namespace annulus::io {

/// An array as it lies in a pickle.
struct PickledArray {
  NumpyType type;
  Extents extents;
  bool fortran = false;  ///< the first index runs fastest
  std::span<const std::byte> values;
};

/// The values of a pickle. Values are known by their number; lists and dictionaries hold numbers of others,
/// and may hold themselves. The bytes that it was made from must outlive it.
struct Pickle {
  using Number = std::uint32_t;
  enum class Kind { none, boolean, integer, text, list, tuple, dictionary, function, type, array };

  struct Value {
    Kind kind = Kind::none;
    std::int64_t integer = 0;    ///< of a boolean or an integer; of a type or an array its place in the list
    std::string_view text = {};  ///< UTF-8 or bytes; of a function its name
    std::vector<Number> items = {};  ///< of a dictionary key, value, key, value, ...
  };

  const Value& operator[](Number number) const { return values.at(number); }
  /// @pre value.kind is array
  const PickledArray& array_of(const Value& value) const {
    return arrays.at(static_cast<std::size_t>(value.integer));
  }
  /// @return the value of a key of text; nothing when it is missing, or `dictionary` is not one
  const Value* find(const Value& dictionary, std::string_view key) const;

  std::vector<Value> values;
  std::deque<std::string> decoded;  ///< text that does not lie in the file as it is
  std::vector<NumpyType> types;
  std::vector<PickledArray> arrays;
  Number root = 0;
};

/// Protocols 0 to 5.
/// @param place  for messages   @throws DataError for a damaged pickle, and by name for everything of the
/// machine and every function that arrays do not need
Pickle read_pickle(std::span<const std::byte> contents, const std::string& place);

}  // namespace annulus::io
