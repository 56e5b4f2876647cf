// What each optimizer remembers and how it changes a weight: one struct a rule, the same for the host's loops
// and for the kernels of a GPU, so both give the same bits. With g the mean gradient (clipped), w a weight,
// wd the weight decay (kernels only) and r the rate:
//  - sgd (as PyTorch): g += wd w; v = momentum v + g; w -= r v, or with Nesterov w -= r (g + momentum v);
//  - adam (Kingma & Ba 2015, algorithm 1): g += wd w; m, v biased moments; w -= r m^ / (sqrt(v^) + epsilon);
//  - adamw (Loshchilov & Hutter 2019, algorithm 2 as in PyTorch): w *= 1 - r wd, then adam without decay;
//  - lars (You, Gitman & Ginsburg 2017, algorithm 1): v = momentum v + r q (g + wd w); w -= v, with
//    q = trust |w| / (|g| + wd |w|) per kernel; q = 1 and no decay for biases and batch norm, and q = 1
//    where a norm is zero.
//  - rmsprop (Tieleman & Hinton 2012, lecture 6e; centered: Graves 2013, equations 38 to 41; epsilon as in
//  PyTorch):
//    g += wd w; s = rho s + (1 - rho) g^2; u = g / (sqrt(s) + epsilon), or centered, with
//    a = rho a + (1 - rho) g, u = g / (sqrt(s - a^2) + epsilon); b = momentum b + u; w -= r b.
//  - lion (Chen et al. 2023, arXiv:2302.06675, algorithm 2): w -= r (sign(beta1 m + (1 - beta1) g) + wd w),
//  then
//    m = beta2 m + (1 - beta2) g.
// Clipping scales g by clip_norm / norm when its norm over all parameters is larger (Pascanu et al. 2013,
// algorithm 1). State values below the smallest normal float become zero: they would cost a hundred times.
//
// A rule has the names of its states (kStates), whether its rate has a trust ratio (kTrustRatio), a
// constructor that makes its factors, in double and rounded once, and a call for one element with its states.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/host_device.hpp"
#include "trainer/backend/contract/update_rules.hpp"
#include "trainer/model/optimizer_config.hpp"

namespace annulus::trainer {

/// Bias corrections of adam's update number t (from 1 on); made on the host only, as pow() differs elsewhere.
struct AdamBias {
  float step_size;           ///< rate / (1 - beta1^t)
  float second_root_factor;  ///< 1 / sqrt(1 - beta2^t)
};
inline AdamBias adam_bias(const OptimizerConfig& config, std::uint64_t t, double rate) {
  const auto power = static_cast<double>(t);
  return {.step_size = static_cast<float>(rate / (1.0 - std::pow(config.beta1, power))),
          .second_root_factor = static_cast<float>(1.0 / std::sqrt(1.0 - std::pow(config.beta2, power)))};
}

/// What the factors of one tensor's update in one step are made from, beside the configuration.
struct TensorStep {
  double gradient_scale;  ///< of the gradient sum: see gradient_scale()
  double rate;            ///< of this tensor: see trusted_rate()
  float decay;            ///< of this tensor, 0 for biases and batch norm
  AdamBias bias;
};

namespace rules {

/// Factor of the gradient sum: 1 / samples, and clipping. @param squares  of the sum, over all tensors
ANNULUS_DEVICE inline double gradient_scale(const OptimizerConfig& config, double samples, double squares) {
  double scale = 1.0 / samples;
  if (config.clip_norm > 0) {
    const double norm = std::sqrt(squares) * scale;
    if (norm > config.clip_norm) scale *= config.clip_norm / norm;
  }
  return scale;
}

/// The rate times lars' trust ratio. @param gradient, parameter  norms of one tensor
ANNULUS_DEVICE inline double trusted_rate(const OptimizerConfig& config, double rate, double gradient,
                                          double parameter) {
  if (gradient == 0 || parameter == 0) return rate;
  return rate * (config.trust_coefficient * parameter / (gradient + config.weight_decay * parameter));
}

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

}  // namespace rules

/// A rule as a value, for visitors.
template <class R>
struct RuleType {
  using Rule = R;
};

/// Calls the visitor with the RuleType that a configuration asks for. A kind without one does not compile.
template <class Visitor>
ANNULUS_DEVICE void with_rule(const OptimizerConfig& config, const Visitor& visit) {
  switch (config.kind) {
    case OptimizerKind::sgd:
      if (config.momentum == 0) return visit(RuleType<rules::Sgd>{});
      if (config.nesterov) return visit(RuleType<rules::Nesterov>{});
      return visit(RuleType<rules::Momentum>{});
    case OptimizerKind::adam:
      return visit(RuleType<rules::Adam>{});
    case OptimizerKind::adamw:
      return visit(RuleType<rules::AdamW>{});
    case OptimizerKind::lars:
      return visit(RuleType<rules::Lars>{});
    case OptimizerKind::rmsprop:
      if (config.centered && config.momentum != 0) return visit(RuleType<rules::CenteredRmsPropMomentum>{});
      if (config.centered) return visit(RuleType<rules::CenteredRmsProp>{});
      if (config.momentum != 0) return visit(RuleType<rules::RmsPropMomentum>{});
      return visit(RuleType<rules::RmsProp>{});
    case OptimizerKind::lion:
      return visit(RuleType<rules::Lion>{});
  }
}

/// Names of the states, each laid out as the parameter arena.
inline std::vector<std::string> state_names(const OptimizerConfig& config) {
  std::vector<std::string> names;
  with_rule(config, [&](auto type) {
    for (const char* name : decltype(type)::Rule::kStates) names.emplace_back(name);
  });
  return names;
}

/// Whether an update needs the norms of single tensors.
inline bool has_trust_ratio(const OptimizerConfig& config) {
  bool has = false;
  with_rule(config, [&](auto type) { has = decltype(type)::Rule::kTrustRatio; });
  return has;
}

}  // namespace annulus::trainer
