// rmsprop (Tieleman & Hinton 2012, lecture 6e; centered: Graves 2013, equations 38 to 41; epsilon as in
// PyTorch): g += d w; s = rho s + (1 - rho) g^2; u = g / (sqrt(s) + epsilon), or centered, with a = rho a +
// (1 - rho) g, u = g / (sqrt(s - a^2) + epsilon); v = momentum v + u; w -= r v.
#pragma once

#include <array>
#include <cmath>

#include "trainer/backend/rules/tensor_step.hpp"

namespace annulus::trainer::rules {

struct RmsPropFactors {
  float gradient_scale, decay, rho, one_minus_rho, momentum, rate, epsilon;
  ANNULUS_DEVICE RmsPropFactors(const OptimizerConfig& config, const TensorStep& step)
      : gradient_scale(static_cast<float>(step.gradient_scale)),
        decay(step.decay),
        rho(static_cast<float>(config.rho)),
        one_minus_rho(static_cast<float>(1.0 - config.rho)),
        momentum(static_cast<float>(config.momentum)),
        rate(static_cast<float>(step.rate)),
        epsilon(static_cast<float>(config.epsilon)) {}
  ANNULUS_DEVICE float decayed(float g, float w) const { return gradient_scale * g + decay * w; }
  ANNULUS_DEVICE void average(float& old, float value) const {
    old = without_subnormals(rho * old + one_minus_rho * value);
  }
  /// What a weight moves by, in units of the rate.
  ANNULUS_DEVICE float scaled(float gradient, float& squares) const {
    average(squares, gradient * gradient);
    return gradient / (std::sqrt(squares) + epsilon);
  }
  /// The same with the variance, which rounding must not take below zero.
  ANNULUS_DEVICE float scaled(float gradient, float& squares, float& mean) const {
    average(squares, gradient * gradient);
    average(mean, gradient);
    const float variance = squares - mean * mean;
    return gradient / (std::sqrt(variance > 0.0f ? variance : 0.0f) + epsilon);
  }
};

struct RmsProp : RmsPropFactors {
  static constexpr std::array kStates{"mean_square"};
  static constexpr bool kTrustRatio = false;
  using RmsPropFactors::RmsPropFactors;
  ANNULUS_DEVICE void operator()(float& w, float g, float& squares) const {
    w -= rate * scaled(decayed(g, w), squares);
  }
};

struct RmsPropMomentum : RmsPropFactors {
  static constexpr std::array kStates{"mean_square", "momentum"};
  static constexpr bool kTrustRatio = false;
  using RmsPropFactors::RmsPropFactors;
  ANNULUS_DEVICE void operator()(float& w, float g, float& squares, float& v) const {
    v = without_subnormals(momentum * v + scaled(decayed(g, w), squares));
    w -= rate * v;
  }
};

struct CenteredRmsProp : RmsPropFactors {
  static constexpr std::array kStates{"mean_square", "mean"};
  static constexpr bool kTrustRatio = false;
  using RmsPropFactors::RmsPropFactors;
  ANNULUS_DEVICE void operator()(float& w, float g, float& squares, float& mean) const {
    w -= rate * scaled(decayed(g, w), squares, mean);
  }
};

struct CenteredRmsPropMomentum : RmsPropFactors {
  static constexpr std::array kStates{"mean_square", "mean", "momentum"};
  static constexpr bool kTrustRatio = false;
  using RmsPropFactors::RmsPropFactors;
  ANNULUS_DEVICE void operator()(float& w, float g, float& squares, float& mean, float& v) const {
    v = without_subnormals(momentum * v + scaled(decayed(g, w), squares, mean));
    w -= rate * v;
  }
};

}  // namespace annulus::trainer::rules
