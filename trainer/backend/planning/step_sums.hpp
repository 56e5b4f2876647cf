// Sums over all shards of a step in the midst of a pass, as batch norms with `statistics: step` need them:
// how many there are, and what is in one. The same for every backend, so that ranks without samples, at the
// tail of an epoch, know them from the network alone.
//
// A sum is [samples, values ...]: the mean of what the layers sum is known without knowing the step.
//   forward, round 0    sum of x per channel: the mean follows
//   forward, round 1    sum of (x - mean)^2: the variance, without cancellation
//   backward, round 0   sum of dy, then of dy h, with h the normalised x
#pragma once

#include <algorithm>
#include <cstddef>

#include "trainer/backend/planning/memory_plan.hpp"
#include "trainer/model/network.hpp"

namespace annulus::trainer {

/// Rounds of a batch norm in one pass.
constexpr int sum_rounds(Pass pass) { return pass == Pass::forward ? 2 : 1; }

/// Where the values of a sum start.
constexpr std::size_t kSumHead = 1;

struct StepSums {
  std::size_t elements = 0;  ///< floats of the largest sum, padded to 16; 0 = no layer takes sums
  int rounds = 0;            ///< sums of a step, over all layers and both passes
};

inline bool takes_step_sums(const Layer& layer) {
  const auto* norm = std::get_if<BatchNorm>(&layer.operation);
  return norm != nullptr && norm->statistics == StatisticsOf::step;
}

inline StepSums plan_step_sums(const Network& network) {
  StepSums sums;
  for (const Layer& layer : network.layers) {
    if (!takes_step_sums(layer)) continue;
    const std::size_t elements = kSumHead + 2 * static_cast<std::size_t>(layer.input.channels);
    sums.elements = std::max(sums.elements, (elements + 15) / 16 * 16);
    sums.rounds += sum_rounds(Pass::forward) + sum_rounds(Pass::backward);
  }
  return sums;
}

}  // namespace annulus::trainer
