// Whether a step may change the model, and one element's update by each optimizer: the same functions in the
// host's loops (optimizer_kernels.cpp) and in the kernels of a GPU, so both give the same bits. The rules are
// written out in optimizer.hpp.
#pragma once

#include <cmath>
#include <cstdint>

#include "base/host_device.hpp"

namespace annulus::trainer {

struct SgdFactors {
  float gradient_scale;  ///< (clipping factor) / samples
  float decay;           ///< L2, of this run's tensor
  float momentum;
  float rate;
};

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

/// Adam's factors of update number t (from 1 on); on the host only.
struct AdamBias {
  float step_size;
  float second_root_factor;
};
struct AdamDecays {
  double beta1;
  double beta2;
};
inline AdamBias adam_bias(const AdamDecays& decays, std::uint64_t t, double rate) {
  const auto power = static_cast<double>(t);
  return {.step_size = static_cast<float>(rate / (1.0 - std::pow(decays.beta1, power))),
          .second_root_factor = static_cast<float>(1.0 / std::sqrt(1.0 - std::pow(decays.beta2, power)))};
}

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

/// w -= rate * (scale g + decay w).
ANNULUS_DEVICE inline void sgd_plain(const SgdFactors& f, float& w, float g) {
  w -= f.rate * (f.gradient_scale * g + f.decay * w);
}

/// v = momentum v + scale g + decay w; w -= rate v.
ANNULUS_DEVICE inline void sgd_momentum(const SgdFactors& f, float& w, float g, float& v) {
  v = without_subnormals(f.momentum * v + (f.gradient_scale * g + f.decay * w));
  w -= f.rate * v;
}

/// As sgd_momentum, but w -= rate * (scale g + decay w + momentum v).
ANNULUS_DEVICE inline void sgd_nesterov(const SgdFactors& f, float& w, float g, float& v) {
  const float gradient = f.gradient_scale * g + f.decay * w;
  v = without_subnormals(f.momentum * v + gradient);
  w -= f.rate * (gradient + f.momentum * v);
}

/// v = momentum v + rate * (scale g + decay w); w -= v.
ANNULUS_DEVICE inline void lars(const SgdFactors& f, float& w, float g, float& v) {
  v = without_subnormals(f.momentum * v + f.rate * (f.gradient_scale * g + f.decay * w));
  w -= v;
}

ANNULUS_DEVICE inline void adam(const AdamFactors& f, float& w, float g, float& m, float& v) {
  const float gradient = f.gradient_scale * g + f.decay * w;
  m = without_subnormals(f.beta1 * m + f.one_minus_beta1 * gradient);
  v = without_subnormals(f.beta2 * v + f.one_minus_beta2 * (gradient * gradient));
  const float denominator = std::sqrt(v) * f.second_root_factor + f.epsilon;
  w = w * f.shrink - f.step_size * (m / denominator);
}

/// moving = momentum * moving + share * sum * scale, with share = 1 - momentum.
ANNULUS_DEVICE inline void moving_average(float momentum, float scale, float sum, float& moving) {
  const float share = static_cast<float>(1.0 - static_cast<double>(momentum));
  moving = momentum * moving + share * (sum * scale);
}

}  // namespace rules
}  // namespace annulus::trainer
