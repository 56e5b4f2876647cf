// The one addition of the reducer. Private to comm.
#pragma once

#include <cstddef>

namespace annulus::comm {

/// sum[i] = left[i] + right[i]; `sum` may be `left` or `right`, otherwise nothing overlaps. Every gradient
/// sum goes through here: same operand order, same rounding, whatever the alignment or length.
inline void add(float* sum, const float* left, const float* right, std::size_t count) {
#pragma GCC ivdep
  for (std::size_t i = 0; i < count; ++i) sum[i] = left[i] + right[i];
}

}  // namespace annulus::comm
