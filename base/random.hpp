// Stateless randomness: every random number of a run is a pure function of (seed, purpose, counter), so
// nothing depends on rank, thread or order, and a run resumes from two integers.
#pragma once

#include <array>
#include <cstdint>

namespace annulus {

/// What a random number is for. Part of the key, so streams never overlap; values are part of the file
/// format.
enum class Purpose : std::uint32_t {
  initialise = 1,
  shuffle = 2,
  augment = 3,
  dropout = 4,
  simulate = 5,
  test = 6,
  split = 7
};

/// 128-bit counter of the generator; the meaning of the words belongs to the purpose.
using Counter = std::array<std::uint32_t, 4>;

/// Constants of Philox4x32-10: the multipliers, and what the key grows by from round to round.
struct PhiloxConstants {
  static constexpr int kRounds = 10;
  static constexpr std::uint32_t kMultiplier0 = 0xD2511F53u, kMultiplier1 = 0xCD9E8D57u;
  static constexpr std::uint32_t kKeyStep0 = 0x9E3779B9u, kKeyStep1 = 0xBB67AE85u;
};

/// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC'11, section 3.3).
/// @return four independent uniform 32-bit words for this key and counter.
constexpr std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 2> key, Counter counter) {
  using Constants = PhiloxConstants;
  for (int round = 0; round < Constants::kRounds; ++round) {
    const std::uint64_t product0 = std::uint64_t{Constants::kMultiplier0} * counter[0];
    const std::uint64_t product1 = std::uint64_t{Constants::kMultiplier1} * counter[2];
    counter = {static_cast<std::uint32_t>(product1 >> 32) ^ counter[1] ^ key[0],
               static_cast<std::uint32_t>(product1),
               static_cast<std::uint32_t>(product0 >> 32) ^ counter[3] ^ key[1],
               static_cast<std::uint32_t>(product0)};
    key[0] += Constants::kKeyStep0;
    key[1] += Constants::kKeyStep1;
  }
  return counter;
}

/// Key of a stream: the run's seed and the purpose, mixed so that neighbouring seeds share nothing.
constexpr std::array<std::uint32_t, 2> stream_key(std::uint64_t seed, Purpose purpose) {
  const auto mixed = philox({static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)},
                            {static_cast<std::uint32_t>(purpose), 0, 0, 0});
  return {mixed[0], mixed[1]};
}

/// Uniform in [0, 1) with 24 bits: exact in float, so every device computes the same value.
constexpr float to_unit(std::uint32_t word) { return static_cast<float>(word >> 8) * 0x1p-24f; }

/// Draws one after another from one (seed, purpose, epoch, item): the convenient form for host code.
class RandomStream {
 public:
  RandomStream(std::uint64_t seed, Purpose purpose, std::uint32_t epoch, std::uint64_t item)
      : key_(stream_key(seed, purpose)),
        counter_{0, epoch, static_cast<std::uint32_t>(item), static_cast<std::uint32_t>(item >> 32)} {}

  std::uint32_t next() {
    if (used_ == 4) {
      block_ = philox(key_, counter_);
      ++counter_[0];
      used_ = 0;
    }
    return block_[used_++];
  }
  /// Uniform in [0, 1).
  float unit() { return to_unit(next()); }
  /// Uniform in [low, high).
  float uniform(float low, float high) { return low + (high - low) * unit(); }

 private:
  std::array<std::uint32_t, 2> key_;
  Counter counter_;
  std::array<std::uint32_t, 4> block_{};
  unsigned used_ = 4;
};

/// A bijection of [0, size) computed, not stored: position -> item in O(1) (a balanced Feistel network over
/// the next even power of two, with cycle walking). Key = (seed, Purpose::shuffle, epoch).
class Permutation {
 public:
  Permutation(std::uint64_t seed, std::uint64_t epoch, std::uint64_t size);
  /// @pre position < size   @return the item at this position.
  std::uint64_t operator()(std::uint64_t position) const;

 private:
  std::uint64_t encrypt(std::uint64_t value) const;
  std::array<std::uint32_t, 2> key_;
  std::uint64_t epoch_;
  std::uint64_t size_;
  unsigned half_bits_ = 1;
};

}  // namespace annulus
