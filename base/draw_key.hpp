// Keys of what is random about a sample: one for each time that it is drawn in an epoch.
#pragma once

#include <cstdint>

namespace annulus {

/// Sample numbers take the low bits of a key, so that the key of a first draw is the sample's number.
constexpr unsigned kSampleBits = 40;

/// @param occurrence  of the sample in the epoch, from 0; beyond 2^24 of them, keys come again
constexpr std::uint64_t draw_key(std::uint64_t sample, std::uint64_t occurrence) {
  return sample | occurrence << kSampleBits;
}

/// The sample that a key belongs to. Samples of an endless source are drawn once, and their numbers may be
/// larger: there the key is the number.
constexpr std::uint64_t sample_of(std::uint64_t key) { return key & ((std::uint64_t{1} << kSampleBits) - 1); }

}  // namespace annulus
