// What a rule's factors are made from, and what rules have in common. g is the mean gradient, w a weight, d
// the weight decay (kernels only) and r the rate. Clipping scales g by clip_norm / norm when its norm over
// all parameters is larger (Pascanu et al. 2013, algorithm 1).
#pragma once

#include <cmath>
#include <cstdint>

#include "base/host_device.hpp"
#include "trainer/backend/rules/update_rules.hpp"
#include "trainer/model/optimizer_config.hpp"

namespace annulus::trainer {

/// Bias corrections of adam's update number t (from 1 on); made on the host only: pow() of a GPU has other
/// bits.
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

}  // namespace rules
}  // namespace annulus::trainer
