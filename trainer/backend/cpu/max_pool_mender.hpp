// Max pools of values that oneDNN's does not handle by our rule (planning/max_pool_rule.hpp): it starts from
// the lowest finite float and takes what is larger, so it overlooks NaN, and for a window of -inf it puts out
// its start and names a winner that may lie in the padding. Other values keep oneDNN's results.
#pragma once

#include <cstddef>
#include <cstdint>

#include "trainer/backend/cpu/onednn.hpp"
#include "trainer/model/network.hpp"

namespace annulus::trainer::cpu {

class MaxPoolMender {
 public:
  /// @param source, target  images, (N, C, H, W) in any plain or blocked layout
  /// @param winners  oneDNN's workspace, of bytes or 32-bit numbers, in the target's layout; empty in
  /// inference
  MaxPoolMender(const Pool2d& pool, const Desc& source, const Desc& target, const Desc& winners);

  /// Looks at the source of a pool that oneDNN has run (one more reading of it), and pools once more by plain
  /// loops if there is a value that needs it.
  void mend(const float* source, float* target, void* winners) const;

 private:
  struct Maximum {
    float value = 0;
    std::int64_t tap = -1;  ///< number in the window, row by row; padding counts
  };
  Maximum maximum_of(const float* plane, std::int64_t y, std::int64_t x) const;

  Pool2d pool_;
  OffsetTables source_, target_, winners_;
  std::size_t source_floats_;
  bool narrow_winners_;  ///< bytes
};

}  // namespace annulus::trainer::cpu
