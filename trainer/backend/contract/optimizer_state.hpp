// What an optimizer remembers from step to step, apart from the parameters.
#pragma once

#include <cstdint>
#include <vector>

namespace annulus::trainer {

/// The arenas are laid out as the parameter arena; those that the optimizer does not use are empty. On a
/// device that keeps its own copy these are the host's mirror of it: see StepEngine::download().
struct OptimizerState {
  std::vector<float> first;   ///< momentum, or m of adam
  std::vector<float> second;  ///< v of adam
  std::uint64_t steps = 0;    ///< updates so far; Adam's bias correction depends on it
};

}  // namespace annulus::trainer
