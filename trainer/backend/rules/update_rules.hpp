// Whether a step may change the model, and what optimizers (optimizer_rules.hpp) and moving averages have in
// common: the same functions on the host and in the kernels of a GPU, so both give the same bits.
#pragma once

#include <cmath>
#include <cstdint>

#include "base/host_device.hpp"

namespace annulus::trainer {

/// What a step turns out to be once its sums are known, before anything changes. All ranks see the same sums,
/// so all of them decide alike.
enum class Verdict : std::int32_t {
  good,
  loss_not_finite,
  gradient_not_finite,
  statistics_not_finite,  ///< batch-norm's means or variances, which gradients need not show
  spike,                  ///< the mean loss lies above the limit of the step
};

/// What decides about a step.
struct StepFacts {
  double loss_sum;
  double samples;
  double loss_limit;        ///< of the mean loss; Inf = none
  double gradient_squares;  ///< sum over the whole gradient
  double bad_statistics;    ///< how many are not finite
};

namespace rules {

ANNULUS_DEVICE inline bool is_finite(double value) { return value - value == 0; }

ANNULUS_DEVICE inline Verdict judge(const StepFacts& step) {
  if (!is_finite(step.loss_sum)) return Verdict::loss_not_finite;
  if (!is_finite(step.gradient_squares)) return Verdict::gradient_not_finite;
  if (step.bad_statistics > 0) return Verdict::statistics_not_finite;
  return step.loss_sum / step.samples > step.loss_limit ? Verdict::spike : Verdict::good;
}

/// States decay towards zero and would get stuck at subnormal values, on which a processor is about a hundred
/// times slower.
ANNULUS_DEVICE inline float without_subnormals(float value) {
  constexpr float kSmallestNormal = 0x1p-126f;
  return std::fabs(value) < kSmallestNormal ? 0.0f : value;
}

/// moving = momentum * moving + share * sum * scale, with share = 1 - momentum.
ANNULUS_DEVICE inline void moving_average(float momentum, float scale, float sum, float& moving) {
  const float share = static_cast<float>(1.0 - static_cast<double>(momentum));
  moving = momentum * moving + share * (sum * scale);
}

}  // namespace rules
}  // namespace annulus::trainer
