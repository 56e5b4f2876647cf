// What changes from step to step and is read by kernels: it lies in device memory, so that a captured graph
// sees new values without being captured again. No CUDA in here.
#pragma once

#include <cstdint>

namespace annulus::trainer::cuda {

struct StepScalars {
  std::uint32_t epoch = 0;   ///< counts dropout masks
  std::int32_t samples = 0;  ///< of the step over all ranks: what the sum of gradients is divided by
  float learning_rate = 0;
  std::uint32_t spoil = 0;  ///< not 0: this rank makes its first gradient NaN, as a drill asks
};

}  // namespace annulus::trainer::cuda
