// What NumPy calls a dtype, and single values of one: shared by pickles and .npy files. Internal to
// io/import.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/shape.hpp"

namespace annulus::io {

/// A plain number. Format: https://numpy.org/doc/stable/reference/arrays.interface.html (typestr)
struct NumpyType {
  char kind = 'u';        ///< b bool, u and i integers, f real numbers
  std::size_t bytes = 1;  ///< of a value: 1, 2, 4 or 8
  bool big_endian = false;

  bool operator==(const NumpyType&) const = default;
  bool is_byte() const { return kind == 'u' && bytes == 1; }
};

/// @param word  such as "|u1", "<i8", ">f4", or without the byte order
/// @throws DataError naming the type, when it is none of numbers: objects, text, structures, complex numbers
NumpyType parse_numpy_type(std::string_view word, const std::string& place);

/// "uint8", "float64"
std::string name_of(const NumpyType& type);

/// A value as a class number or a count.
/// @param value  `type.bytes` of them
/// @return whether it is a whole number that 64 bits hold
bool whole_number(const NumpyType& type, const std::byte* value, std::int64_t& number);

/// A value as a pixel.
/// @return whether float32 holds it: neither a whole number from 2^24 that it would round nor (of float64)
/// beyond its range. NaN and infinities are handed on
bool to_float(const NumpyType& type, const std::byte* value, float& number);

}  // namespace annulus::io
