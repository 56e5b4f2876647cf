// sgd (as PyTorch): g += d w; v = momentum v + g; w -= r v, or with Nesterov w -= r (g + momentum v).
// lars (You, Gitman & Ginsburg 2017, algorithm 1): v = momentum v + r q (g + d w); w -= v, with
// q = trust |w| / (|g| + d |w|) per kernel; q = 1 and no decay for biases and batch norm, and q = 1 where a
// norm is zero.
#pragma once

#include <array>

#include "trainer/backend/rules/tensor_step.hpp"

namespace annulus::trainer::rules {

struct SgdFactors {
  float gradient_scale, decay, momentum, rate;
  ANNULUS_DEVICE SgdFactors(const OptimizerConfig& config, const TensorStep& step)
      : gradient_scale(static_cast<float>(step.gradient_scale)),
        decay(step.decay),
        momentum(static_cast<float>(config.momentum)),
        rate(static_cast<float>(step.rate)) {}
  ANNULUS_DEVICE float decayed(float g, float w) const { return gradient_scale * g + decay * w; }
};

struct Sgd : SgdFactors {
  static constexpr std::array<const char*, 0> kStates{};
  static constexpr bool kTrustRatio = false;
  using SgdFactors::SgdFactors;
  ANNULUS_DEVICE void operator()(float& w, float g) const { w -= rate * decayed(g, w); }
};

struct Momentum : SgdFactors {
  static constexpr std::array kStates{"momentum"};
  static constexpr bool kTrustRatio = false;
  using SgdFactors::SgdFactors;
  ANNULUS_DEVICE void operator()(float& w, float g, float& v) const {
    v = without_subnormals(momentum * v + decayed(g, w));
    w -= rate * v;
  }
};

struct Nesterov : SgdFactors {
  static constexpr std::array kStates{"momentum"};
  static constexpr bool kTrustRatio = false;
  using SgdFactors::SgdFactors;
  ANNULUS_DEVICE void operator()(float& w, float g, float& v) const {
    const float gradient = decayed(g, w);
    v = without_subnormals(momentum * v + gradient);
    w -= rate * (gradient + momentum * v);
  }
};

struct Lars : SgdFactors {
  static constexpr std::array kStates{"momentum"};
  static constexpr bool kTrustRatio = true;
  using SgdFactors::SgdFactors;
  ANNULUS_DEVICE void operator()(float& w, float g, float& v) const {
    v = without_subnormals(momentum * v + rate * decayed(g, w));
    w -= v;
  }
};

}  // namespace annulus::trainer::rules
