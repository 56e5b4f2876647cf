// Lowers a network description to steps: recognises the patterns that one step can run and chooses where
// derivatives of activations are taken and how flat values are stored.
#pragma once

#include <vector>

#include "trainer/backend/cpu/step.hpp"

namespace annulus::trainer::cpu {

/// The steps in forward order, the loss last.
/// @throws RuntimeError when oneDNN refuses a shape
std::vector<PlannedStep> lower(ProgramBuilder& builder, const Network& network, const LossOptions& loss);

}  // namespace annulus::trainer::cpu
