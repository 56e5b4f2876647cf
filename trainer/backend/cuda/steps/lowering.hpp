// Lowers a network description to steps: recognises the patterns that one step can run and chooses who takes
// the derivatives of activations. Images stay channels last throughout, so flattening costs nothing.
#pragma once

#include <cstdint>
#include <vector>

#include "trainer/backend/cuda/steps/steps.hpp"

namespace annulus::trainer::cuda {

struct LoweringOptions {
  std::uint64_t seed = 0;  ///< key of dropout
  LossParameters loss;
};

/// The steps in forward order, the loss last.
/// @throws UsageError for shapes beyond what the kernels count to, RuntimeError when a library refuses one
std::vector<PlannedStep> lower(Compiler& compiler, const Network& network, const LoweringOptions& options);

}  // namespace annulus::trainer::cuda
