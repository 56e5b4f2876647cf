// The numbers that tests share with the Python scripts beside them (value() there), so that files hold
// results alone.
#pragma once

#include <cstdint>

namespace annulus::test {

/// In [-1, 1], a multiple of 2^-15, so exact in float: 32-bit integer arithmetic.
inline float peer_value(std::uint32_t stream, std::uint32_t index) {
  std::uint32_t x = stream * 0x9E3779B9u + index * 0x85EBCA6Bu + 1;
  x = (x ^ (x >> 16)) * 0x7FEB352Du;
  x = (x ^ (x >> 15)) * 0x846CA68Bu;
  x ^= x >> 16;
  return static_cast<float>(x >> 16) / 32768.0f - 1.0f;
}

}  // namespace annulus::test
