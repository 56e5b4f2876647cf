// The inner loops of the optimizers over one run of elements; plain C++ that the compiler vectorises. Scalar
// factors are prepared in double and rounded once.
#pragma once

#include <cstddef>
#include <span>

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

struct SgdFactors {
  float gradient_scale;  ///< (clipping factor) / samples
  float decay;           ///< L2, of this run's tensor
  float momentum;
  float rate;
};
/// w -= rate * (scale g + decay w).
void sgd_plain(const SgdFactors& factors, const UpdateRun& run);
/// v = momentum v + scale g + decay w; w -= rate v.
void sgd_momentum(const SgdFactors& factors, const UpdateRun& run);
/// As sgd_momentum, but w -= rate * (scale g + decay w + momentum v).
void sgd_nesterov(const SgdFactors& factors, const UpdateRun& run);
/// v = momentum v + rate * (scale g + decay w); w -= v.
void lars(const SgdFactors& factors, const UpdateRun& run);

struct AdamFactors {
  float gradient_scale;
  float decay;   ///< L2, added to the gradient (adam)
  float shrink;  ///< factor of w before the update: 1 - rate * weight decay (adamw), else 1
  float beta1, one_minus_beta1;
  float beta2, one_minus_beta2;
  float step_size;           ///< rate / (1 - beta1^t)
  float second_root_factor;  ///< 1 / sqrt(1 - beta2^t)
  float epsilon;
};
void adam(const AdamFactors& factors, const UpdateRun& run);

/// moving = momentum * moving + (1 - momentum) * sum * scale.
void moving_average(float momentum, float scale, std::span<const float> sums, std::span<float> moving);

}  // namespace annulus::trainer
