// What an optimizer remembers from step to step, apart from the parameters.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace annulus::trainer {

/// The most states that any optimizer has.
constexpr std::size_t kMostStates = 3;

/// On a device that keeps its own copy these are the host's mirror of it: see StepEngine::download().
struct OptimizerState {
  std::vector<std::vector<float>> arenas;  ///< one a name of state_names(), laid out as the parameter arena
  std::uint64_t steps = 0;                 ///< updates so far; Adam's bias correction depends on it
};

}  // namespace annulus::trainer
