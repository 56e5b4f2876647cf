// lion (Chen et al. 2023, arXiv:2302.06675, algorithm 2): w -= r (sign(beta1 m + (1 - beta1) g) + d w), then
// m = beta2 m + (1 - beta2) g.
#pragma once

#include <array>

#include "trainer/backend/rules/tensor_step.hpp"

namespace annulus::trainer::rules {

struct Lion {
  static constexpr std::array kStates{"m"};
  static constexpr bool kTrustRatio = false;
  float gradient_scale, shrink, beta1, one_minus_beta1, beta2, one_minus_beta2, rate;
  ANNULUS_DEVICE Lion(const OptimizerConfig& config, const TensorStep& step)
      : gradient_scale(static_cast<float>(step.gradient_scale)),
        shrink(static_cast<float>(1.0 - step.rate * static_cast<double>(step.decay))),
        beta1(static_cast<float>(config.beta1)),
        one_minus_beta1(static_cast<float>(1.0 - config.beta1)),
        beta2(static_cast<float>(config.beta2)),
        one_minus_beta2(static_cast<float>(1.0 - config.beta2)),
        rate(static_cast<float>(step.rate)) {}
  ANNULUS_DEVICE void operator()(float& w, float g, float& m) const {
    const float gradient = gradient_scale * g;
    const float direction = beta1 * m + one_minus_beta1 * gradient;
    const float sign = (direction > 0.0f ? 1.0f : 0.0f) - (direction < 0.0f ? 1.0f : 0.0f);
    w = w * shrink - rate * sign;
    m = without_subnormals(beta2 * m + one_minus_beta2 * gradient);
  }
};

}  // namespace annulus::trainer::rules
