// Lowers a network description to steps: recognises the patterns that one step can run and chooses who takes
// the derivatives of activations. Images stay channels last throughout, so flattening costs nothing.
#pragma once

#include <memory>
#include <vector>

#include "trainer/backend/cuda/steps/steps.hpp"

namespace annulus::trainer::cuda {

/// A step, the layer it stands for, and what debug runs look at.
struct PlannedStep {
  std::unique_ptr<Step> step;
  int layer = 0;
  Value output;                   ///< what it puts out; data is kNoBuffer for steps that only act in backward
  BufferId gradient = kNoBuffer;  ///< of its input, after its backward
  std::int64_t gradient_count = 0;  ///< values of that
};

struct LoweringOptions {
  std::uint64_t seed = 0;  ///< key of dropout
  LossParameters loss;
};

/// The steps in forward order, the loss last.
/// @throws UsageError for a network that has no such plan, RuntimeError when a library refuses a shape
std::vector<PlannedStep> lower(Compiler& compiler, const Network& network, const LoweringOptions& options);

}  // namespace annulus::trainer::cuda
