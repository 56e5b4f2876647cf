// adam (Kingma & Ba 2015, algorithm 1): g += d w; m, v biased moments; w -= r m^ / (sqrt(v^) + epsilon).
// adamw (Loshchilov & Hutter 2019, algorithm 2 as in PyTorch): w *= 1 - r d, then adam without decay.
#pragma once

#include <array>
#include <cmath>

#include "trainer/backend/rules/tensor_step.hpp"

namespace annulus::trainer::rules {

struct Adam {
  static constexpr std::array kStates{"m", "v"};
  static constexpr bool kTrustRatio = false;
  float gradient_scale;
  float decay;   ///< L2, added to the gradient
  float shrink;  ///< factor of w before the update
  float beta1, one_minus_beta1, beta2, one_minus_beta2;
  AdamBias bias;
  float epsilon;
  ANNULUS_DEVICE Adam(const OptimizerConfig& config, const TensorStep& step)
      : gradient_scale(static_cast<float>(step.gradient_scale)),
        decay(step.decay),
        shrink(1.0f),
        beta1(static_cast<float>(config.beta1)),
        one_minus_beta1(static_cast<float>(1.0 - config.beta1)),
        beta2(static_cast<float>(config.beta2)),
        one_minus_beta2(static_cast<float>(1.0 - config.beta2)),
        bias(step.bias),
        epsilon(static_cast<float>(config.epsilon)) {}
  ANNULUS_DEVICE void operator()(float& w, float g, float& m, float& v) const {
    const float gradient = gradient_scale * g + decay * w;
    m = without_subnormals(beta1 * m + one_minus_beta1 * gradient);
    v = without_subnormals(beta2 * v + one_minus_beta2 * (gradient * gradient));
    const float denominator = std::sqrt(v) * bias.second_root_factor + epsilon;
    w = w * shrink - bias.step_size * (m / denominator);
  }
};

struct AdamW : Adam {
  ANNULUS_DEVICE AdamW(const OptimizerConfig& config, const TensorStep& step) : Adam(config, step) {
    decay = 0.0f;
    shrink = static_cast<float>(1.0 - step.rate * static_cast<double>(step.decay));
  }
};

}  // namespace annulus::trainer::rules
