// The sum of a power of two of operands in one pass over memory.
#pragma once

#include <cstdint>

#include "comm/cuda/quad.hpp"

namespace annulus::comm {

/// sum[i] = ((operand 0 + operand 1) + (operand 2 + operand 3)) + ..., each sum rounded; `sum` may be an
/// operand. Index: four floats where all of them lie at 16 bytes, else one.
template <int kOperands>
struct PairwiseBody {
  float* sum;
  const float* operands[kOperands];
  std::int64_t count;

  ANNULUS_DEVICE bool in_quads() const {
    bool fit = quads_fit(sum);
    for (const float* operand : operands) fit = fit && quads_fit(operand);
    return fit;
  }
  ANNULUS_DEVICE std::int64_t indices() const { return in_quads() ? quads_of_floats(count) : count; }
  ANNULUS_DEVICE void operator()(std::int64_t i) const {
    if (!in_quads()) return add(i, i + 1);
    if (4 * i + 4 > count) return add(4 * i, count);
    store_quad(sum + 4 * i, quad_pairs<0, kOperands>(4 * i));
  }

 private:
  ANNULUS_DEVICE void add(std::int64_t begin, std::int64_t end) const {
    for (std::int64_t i = begin; i < end; ++i) sum[i] = pairs<0, kOperands>(i);
  }
  template <int kFirst, int kCount>
  ANNULUS_DEVICE float pairs(std::int64_t i) const {
    if constexpr (kCount == 1) {
      return operands[kFirst][i];
    } else {
      const float left = pairs<kFirst, kCount / 2>(i);
      const float right = pairs<kFirst + kCount / 2, kCount / 2>(i);
      return left + right;
    }
  }
  template <int kFirst, int kCount>
  ANNULUS_DEVICE Quad quad_pairs(std::int64_t i) const {
    if constexpr (kCount == 1) {
      return load_quad(operands[kFirst] + i);
    } else {
      Quad left = quad_pairs<kFirst, kCount / 2>(i);
      const Quad right = quad_pairs<kFirst + kCount / 2, kCount / 2>(i);
      for (int k = 0; k < 4; ++k) left.values[k] += right.values[k];
      return left;
    }
  }
};

}  // namespace annulus::comm
