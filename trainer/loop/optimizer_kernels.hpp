// The inner loops of the optimizers over one run of elements; plain C++ that the compiler vectorises around
// the rules of update_rules.hpp. Scalar factors are prepared in double and rounded once.
#pragma once

#include <cstddef>
#include <span>

#include "trainer/backend/contract/update_rules.hpp"

namespace annulus::trainer {

/// Parameters, gradient sum and states of one run of elements; all of one length, none overlapping.
struct UpdateRun {
  std::span<float> parameters;
  std::span<const float> gradients;  ///< sums over the samples of the step
  std::span<float> first;            ///< momentum or m; empty for plain sgd
  std::span<float> second;           ///< v of adam; empty otherwise
};

/// Sum of squares in double, in eight lanes whose order is fixed.
double sum_of_squares(std::span<const float> values);

/// w -= rate * (scale g + decay w).
void sgd_plain(const SgdFactors& factors, const UpdateRun& run);
/// v = momentum v + scale g + decay w; w -= rate v.
void sgd_momentum(const SgdFactors& factors, const UpdateRun& run);
/// As sgd_momentum, but w -= rate * (scale g + decay w + momentum v).
void sgd_nesterov(const SgdFactors& factors, const UpdateRun& run);
/// v = momentum v + rate * (scale g + decay w); w -= v.
void lars(const SgdFactors& factors, const UpdateRun& run);

void adam(const AdamFactors& factors, const UpdateRun& run);

/// moving = momentum * moving + (1 - momentum) * sum * scale.
void moving_average(float momentum, float scale, std::span<const float> sums, std::span<float> moving);

}  // namespace annulus::trainer
