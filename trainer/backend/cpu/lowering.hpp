// Lowers a network description to steps: recognises the patterns that one step can run and chooses where
// derivatives of activations are taken and how flat values are stored.
#pragma once

#include <memory>
#include <vector>

#include "trainer/backend/cpu/step.hpp"

namespace annulus::trainer::cpu {

/// A step, the layer it stands for, and what debug runs look at.
struct PlannedStep {
  std::unique_ptr<Step> step;
  int layer = 0;
  dnnl::memory output;    ///< what it puts out; null for steps that only act in backward
  dnnl::memory gradient;  ///< of its input, after its backward; null when nobody wants it
};

/// The steps in forward order, the loss last.
/// @throws UsageError for a network that has no such plan, RuntimeError when oneDNN refuses a shape
std::vector<PlannedStep> lower(ProgramBuilder& builder, const Network& network, const LossOptions& loss);

}  // namespace annulus::trainer::cpu
