// A NaN in the input, for drills.
#include "trainer/loop/step_hook.hpp"

#include <limits>

namespace annulus::trainer {

bool spoil_input(const io::Batch& batch) {
  for (const io::Shard& shard : batch.shards) {
    const std::span<const float> values = shard.vectors.empty() ? shard.images : shard.vectors;
    if (values.empty()) continue;
    // The views are const for those who read; the memory is the loader's, which writes the next batch there.
    const_cast<float&>(values.front()) = std::numeric_limits<float>::quiet_NaN();
    return true;
  }
  return false;
}

}  // namespace annulus::trainer
