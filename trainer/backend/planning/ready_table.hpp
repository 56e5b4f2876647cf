// When gradients are final: backward runs the steps in reverse, and the segments of the gradient buffer come
// in the order in which it finishes layers.
#pragma once

#include <cstddef>
#include <vector>

#include "trainer/backend/contract/replica.hpp"

namespace annulus::trainer {

/// By step: how many elements of the gradient buffer are final after its backward; 0 for a step that is not
/// the last of its layer to run backward.
/// @param layers  of the steps, in forward order
std::vector<std::size_t> ready_table(const ArenaLayout& layout, const std::vector<int>& layers);

template <class PlannedStep>
std::vector<std::size_t> ready_table(const ArenaLayout& layout, const std::vector<PlannedStep>& steps) {
  std::vector<int> layers;
  layers.reserve(steps.size());
  for (const PlannedStep& step : steps) layers.push_back(step.layer);
  return ready_table(layout, layers);
}

}  // namespace annulus::trainer
