// The inner loops of the optimizers over one run of elements; plain C++ that the compiler vectorises around
// the rules of optimizer_rules.hpp.
#pragma once

#include <cstddef>
#include <span>

namespace annulus::trainer {

/// Sum of squares in double, in eight lanes whose order is fixed.
double sum_of_squares(std::span<const float> values);

/// Updates `count` weights, with their gradient sums and states; none of the arrays overlap.
/// The rule is copied: as a reference it could lie in what the loop writes, which keeps it from being
/// vectorised.
template <class Rule, class... State>
void update_run(const Rule& given, std::size_t count, float* __restrict weights,
                const float* __restrict gradients, State* __restrict... states) {
  const Rule rule = given;
  for (std::size_t i = 0; i < count; ++i) rule(weights[i], gradients[i], states[i]...);
}

/// moving = momentum * moving + (1 - momentum) * sum * scale.
void moving_average(float momentum, float scale, std::span<const float> sums, std::span<float> moving);

}  // namespace annulus::trainer
