// A hash with a definition: equal texts have equal hashes in every build of the program, so that hashes may
// travel to other ranks and into files.
#pragma once

#include <cstdint>
#include <string_view>

namespace annulus {

/// FNV-1a, 64 bits (G. Fowler, L. C. Noll, K.-P. Vo; isthe.com/chongo/tech/comp/fnv). Tells texts apart that
/// nobody has made to collide.
constexpr std::uint64_t stable_hash(std::string_view text) {
  constexpr std::uint64_t kOffsetBasis = 0xcbf29ce484222325u;
  constexpr std::uint64_t kPrime = 0x100000001b3u;
  std::uint64_t hash = kOffsetBasis;
  for (const char byte : text) hash = (hash ^ static_cast<unsigned char>(byte)) * kPrime;
  return hash;
}

}  // namespace annulus
