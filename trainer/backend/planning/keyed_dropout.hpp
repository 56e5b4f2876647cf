// Which values a dropout layer keeps: one pure function of (seed, epoch, sample, layer, element) that every
// backend calls, so that masks agree between devices, world sizes and resumed runs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace annulus::trainer {

/// Names one mask: what one layer drops of one sample in one epoch.
struct DropoutKey {
  std::uint64_t seed = 0;    ///< of the run
  std::uint64_t epoch = 0;   ///< < 2^32
  std::uint64_t sample = 0;  ///< number in the dataset, or draw_key() of a draw
  int layer = 0;             ///< index into Network::layers, < 2^16
};

/// A random word keeps its element when word >= threshold; round(rate * 2^32).
/// @pre 0 <= rate < 1   @return at most 2^32 - 1
std::uint32_t dropout_threshold(float rate);

/// What kept values are multiplied with: 1 / (1 - rate), rounded to float once. @pre 0 <= rate < 1
float dropout_scale(float rate);

/// The mask of one sample as factors: 0 for dropped elements, dropout_scale(rate) for kept ones. Element e
/// counts the sample's values in Keras' order (H, W, C) whatever layout the caller stores; it is decided by
/// word e % 4 of philox(stream_key(seed, Purpose::dropout), counter) with counter = {e / 4,
/// layer + 2^16 * bits 32..47 of sample, bits 0..31 of sample, epoch xor 2^16 * bits 48..63 of sample}: no
/// two (epoch, sample, layer, block) share a counter, as long as samples are below 2^48 or epochs below 2^16.
/// @throws std::logic_error when a part of the key is out of range
void dropout_factors(const DropoutKey& key, float rate, std::span<float> factors);

}  // namespace annulus::trainer
