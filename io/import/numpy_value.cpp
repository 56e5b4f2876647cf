// Bytes of NumPy's types to numbers of this machine.
#include "io/import/numpy_value.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/error.hpp"
#include "base/printable.hpp"

namespace annulus::io {
namespace {

/// The bits of a value, in the order of this machine.
std::uint64_t bits_of(const NumpyType& type, const std::byte* value) {
  static_assert(std::endian::native == std::endian::little);
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < type.bytes; ++i)
    bits |= std::to_integer<std::uint64_t>(value[i]) << 8 * (type.big_endian ? type.bytes - 1 - i : i);
  return bits;
}

/// IEEE 754 of 16 bits: 1 sign, 5 exponent, 10 fraction.
double half(std::uint64_t bits) {
  const double sign = (bits & 0x8000) != 0 ? -1 : 1;
  const auto exponent = static_cast<int>(bits >> 10 & 0x1f);
  const auto fraction = static_cast<double>(bits & 0x3ff);
  if (exponent == 0) return sign * std::ldexp(fraction, -24);
  if (exponent == 0x1f)
    return fraction > 0 ? std::numeric_limits<double>::quiet_NaN()
                        : sign * std::numeric_limits<double>::infinity();
  return sign * std::ldexp(fraction + 1024, exponent - 25);
}

double real_of(const NumpyType& type, const std::byte* value) {
  const std::uint64_t bits = bits_of(type, value);
  if (type.bytes == 2) return half(bits);
  if (type.bytes == 4) return std::bit_cast<float>(static_cast<std::uint32_t>(bits));
  return std::bit_cast<double>(bits);
}

/// @return whether it fits; only unsigned numbers of 64 bits may not
bool integer_of(const NumpyType& type, const std::byte* value, std::int64_t& number) {
  const std::uint64_t bits = bits_of(type, value);
  const auto unused = static_cast<int>(64 - 8 * type.bytes);
  number = static_cast<std::int64_t>(bits);
  if (type.kind == 'i') number = static_cast<std::int64_t>(bits << unused) >> unused;
  if (type.kind == 'b') number = bits != 0 ? 1 : 0;
  return type.kind == 'i' || number >= 0;
}

}  // namespace

NumpyType parse_numpy_type(std::string_view word, const std::string& place) {
  const std::string shown = shown_name(word);
  NumpyType type;
  if (!word.empty() && std::string_view("<>|=").find(word.front()) != std::string_view::npos) {
    type.big_endian = word.front() == '>';
    word.remove_prefix(1);
  }
  if (word.starts_with('O'))
    throw DataError(
        "{}: holds Python objects (dtype object), which are a program that reading would run. Save the array with a type of numbers: np.asarray(array, dtype=\"uint8\") or \"float32\".",
        place);
  static constexpr std::array kWords{"b1", "u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8"};
  if (std::find(kWords.begin(), kWords.end(), word) == kWords.end())
    throw DataError(
        "{}: holds values of the type {}, but only numbers are imported: bool, integers of 8 to 64 bits, float16, float32 and float64. Convert it: array.astype(\"float32\").",
        place, shown);
  type.kind = word[0];
  type.bytes = static_cast<std::size_t>(word[1] - '0');
  return type;
}

std::string name_of(const NumpyType& type) {
  if (type.kind == 'b') return "bool";
  const char* const kind = type.kind == 'u' ? "uint" : type.kind == 'i' ? "int" : "float";
  return fmt::format("{}{}", kind, 8 * type.bytes);
}

bool whole_number(const NumpyType& type, const std::byte* value, std::int64_t& number) {
  if (type.kind != 'f') return integer_of(type, value, number);
  const double real = real_of(type, value);
  constexpr double kMost = 9e18;
  if (!(std::abs(real) < kMost) || std::nearbyint(real) != real) return false;
  number = static_cast<std::int64_t>(real);
  return true;
}

bool to_float(const NumpyType& type, const std::byte* value, float& number) {
  if (type.kind == 'f') {
    const double real = real_of(type, value);
    number = static_cast<float>(real);
    const bool rounded_whole = std::nearbyint(real) == real && static_cast<double>(number) != real;
    return !std::isfinite(real) || (std::isfinite(number) && !rounded_whole);
  }
  std::int64_t whole = 0;
  if (!integer_of(type, value, whole)) return false;
  number = static_cast<float>(whole);
  return std::abs(number) < 9e18F && static_cast<std::int64_t>(number) == whole;
}

}  // namespace annulus::io
