// The sum of a power of two of operands in one pass over memory.
#pragma once

#include <cstdint>

#include "base/host_device.hpp"

namespace annulus::comm {

/// sum[i] = ((operand 0 + operand 1) + (operand 2 + operand 3)) + ..., each sum rounded; `sum` may be an
/// operand.
template <int kOperands>
struct PairwiseBody {
  float* sum;
  const float* operands[kOperands];
  std::int64_t count;

  ANNULUS_DEVICE std::int64_t indices() const { return count; }
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
  ANNULUS_DEVICE void operator()(std::int64_t i) const { sum[i] = pairs<0, kOperands>(i); }
};

}  // namespace annulus::comm
