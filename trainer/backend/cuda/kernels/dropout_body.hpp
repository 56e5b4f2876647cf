// Dropout with the mask of keyed_dropout.hpp. Backward draws the mask again: that costs less than storing it.
#pragma once

#include "base/random.hpp"
#include "trainer/backend/cuda/kernels/element.hpp"
#include "trainer/backend/cuda/kernels/step_scalars.hpp"

namespace annulus::trainer::cuda {

struct DropoutMaskOf {
  std::array<std::uint32_t, 2> key;  ///< stream_key(seed, Purpose::dropout)
  std::uint32_t layer;               ///< index into Network::layers, < 2^16
  std::uint32_t threshold;           ///< dropout_threshold(rate)
  float scale;                       ///< dropout_scale(rate)
};

/// Factors of elements [4 * block, 4 * block + 4) of a sample.
ANNULUS_DEVICE inline void dropout_block(const DropoutMaskOf& mask, std::uint32_t epoch, std::uint64_t sample,
                                         std::uint32_t block, float (&factors)[4]) {
  const auto high = static_cast<std::uint32_t>(sample >> 32);
  const auto words = philox(mask.key, {block, mask.layer | (high << 16), static_cast<std::uint32_t>(sample),
                                       epoch ^ (high & 0xFFFF0000u)});
  for (unsigned k = 0; k < 4; ++k) factors[k] = words[k] >= mask.threshold ? mask.scale : 0.0f;
}

/// to = from * factors; with `gate`, only where gate > 0 (the derivative of a ReLU that put out `gate`).
/// Index: block of four elements of a sample. P is 4 when 4 divides the size of a sample, else 1.
template <class T, int P>
struct DropoutBody {
  const T* from;
  T* to;
  const T* gate;                 ///< or nullptr
  const std::uint64_t* samples;  ///< (n) Shard::samples
  const StepScalars* scalars;
  DropoutMaskOf mask;
  std::uint32_t size;  ///< values of a sample
  std::int64_t samples_count;

  ANNULUS_DEVICE std::int64_t indices() const {
    return samples_count * ((static_cast<std::int64_t>(size) + 3) / 4);
  }
  ANNULUS_DEVICE void operator()(std::int64_t i) const {
    auto row = static_cast<std::uint32_t>(i);
    const auto block = static_cast<std::uint32_t>(split(row, static_cast<std::int32_t>((size + 3) / 4)));
    float factors[4];
    dropout_block(mask, scalars->epoch, samples[row], block, factors);
    const std::int64_t first = static_cast<std::int64_t>(row) * size + 4 * block;
    const std::uint32_t count = size - 4 * block < 4 ? size - 4 * block : 4;
    for (std::uint32_t k = 0; k < count; k += P) apply(first + k, factors + k);
  }

 private:
  ANNULUS_DEVICE void apply(std::int64_t at, const float* factors) const {
    float values[P], gates[P];
    load<P>(from + at, values);
    if (gate) load<P>(gate + at, gates);
    for (int k = 0; k < P; ++k) {
      const bool open = gate == nullptr || gates[k] > 0;
      values[k] = open ? values[k] * factors[k] : 0.0f;
    }
    store<P>(to + at, values);
  }
};

}  // namespace annulus::trainer::cuda
