// The numbers that activations are stored as, and how kernels load and store several of them at once.
#pragma once

#include <bit>
#include <cstdint>

#include "base/host_device.hpp"

namespace annulus::trainer::cuda {

/// The upper half of a float: 8 bits of mantissa with the hidden one. Same bits as CUDA's __nv_bfloat16.
struct BFloat16 {
  std::uint16_t bits = 0;
};

/// Element type of a tensor; all of them are computed with in float.
enum class Element { float32, bfloat16 };

constexpr std::int64_t bytes_of(Element element) { return element == Element::float32 ? 4 : 2; }

ANNULUS_DEVICE inline float to_float(float value) { return value; }
ANNULUS_DEVICE inline float to_float(BFloat16 value) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(value.bits) << 16);
}

/// Rounded to the nearest, ties to even; NaN stays NaN.
template <class T>
ANNULUS_DEVICE inline T from_float(float value);
template <>
ANNULUS_DEVICE inline float from_float<float>(float value) {
  return value;
}
template <>
ANNULUS_DEVICE inline BFloat16 from_float<BFloat16>(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if (value != value) return {static_cast<std::uint16_t>((bits >> 16) | 0x40u)};  // keeps the payload's top
  return {static_cast<std::uint16_t>((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16)};
}

/// Elements of one 16-byte access.
template <class T>
constexpr int kPackOf = 16 / static_cast<int>(sizeof(T));

/// P neighbours, moved in one access: P is 1 or kPackOf<T>.
template <class T, int P>
struct alignas(sizeof(T) * P) Pack {
  T values[P];
};

/// Widened to float. @pre `at` is aligned to P elements
template <int P, class T>
ANNULUS_DEVICE inline void load(const T* at, float (&values)[P]) {
  const Pack<T, P> pack = *reinterpret_cast<const Pack<T, P>*>(at);
  for (int k = 0; k < P; ++k) values[k] = to_float(pack.values[k]);
}
template <int P, class T>
ANNULUS_DEVICE inline void store(T* at, const float (&values)[P]) {
  Pack<T, P> pack;
  for (int k = 0; k < P; ++k) pack.values[k] = from_float<T>(values[k]);
  *reinterpret_cast<Pack<T, P>*>(at) = pack;
}

/// Splits off the fastest index: returns number % extent and leaves number / extent. 32 bits, because a GPU
/// divides 64 bits several times slower; plans see to it that tensors are small enough.
ANNULUS_DEVICE inline std::int32_t split(std::uint32_t& number, std::int32_t extent) {
  const std::uint32_t quotient = number / static_cast<std::uint32_t>(extent);
  const std::uint32_t rest = number - quotient * static_cast<std::uint32_t>(extent);
  number = quotient;
  return static_cast<std::int32_t>(rest);
}

}  // namespace annulus::trainer::cuda
