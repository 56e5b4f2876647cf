// Random words of a sample's transformations, and plain numbers of them.
#pragma once

#include <array>
#include <cstdint>

#include "base/random.hpp"
#include "io/augmentation/plan.hpp"

namespace annulus::io::rules {

/// First counter word of each transformation; part of what makes a run reproducible, so never renumber.
enum class Slot : std::uint32_t {
  rotation = 0,
  shift = 1,
  shear = 2,
  zoom = 3,
  channel_shift = 4,
  flips = 5,
  brightness = 6,
  crop = 7,
  cutout = 8,
  window = 9,
  alternating_flip = 10,
  mixup = 11,
  window_try = 16,  ///< and those behind it: the tries of a random resized crop, kWindowTries
};

class Draws {
 public:
  constexpr Draws(std::array<std::uint32_t, 2> key, SampleKey sample) : key_(key), sample_(sample) {}
  /// @param number  of a try
  constexpr std::array<std::uint32_t, 4> words(Slot slot, std::uint32_t number = 0) const {
    return philox(
        key_, {static_cast<std::uint32_t>(slot) + number, static_cast<std::uint32_t>(sample_.epoch),
               static_cast<std::uint32_t>(sample_.sample), static_cast<std::uint32_t>(sample_.sample >> 32)});
  }

 private:
  std::array<std::uint32_t, 2> key_;
  SampleKey sample_;
};

constexpr double uniform(std::uint32_t word, double low, double high) {
  return low + (high - low) * to_unit(word);
}

/// Uniform whole number in [0, count).
constexpr std::int32_t below(std::uint32_t word, std::int64_t count) {
  return static_cast<std::int32_t>((std::uint64_t{word} * static_cast<std::uint64_t>(count)) >> 32);
}

/// std::floor, which is not constexpr before C++23. @pre |value| < 2^31
constexpr std::int32_t floor_of(double value) {
  const auto whole = static_cast<std::int64_t>(value);  // towards zero
  return static_cast<std::int32_t>(static_cast<double>(whole) > value ? whole - 1 : whole);
}

}  // namespace annulus::io::rules
