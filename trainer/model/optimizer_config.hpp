// The optimizers that a configuration may ask for. How each of them changes a weight, and what it remembers,
// stands in trainer/backend/rules.
#pragma once

#include "base/enum_words.hpp"
#include "trainer/model/kind_table.hpp"

namespace annulus::trainer {

enum class OptimizerKind { sgd, adam, adamw, lars, rmsprop, lion };

/// Plain numbers, so that a kernel of a GPU can take it as it is.
struct OptimizerConfig {
  OptimizerKind kind = OptimizerKind::sgd;
  double learning_rate = 0.01;  ///< reached after warm-up
  double momentum = 0.0;        ///< in [0, 1)
  bool nesterov = false;        ///< look ahead along the momentum
  double beta1 = 0.9;
  double beta2 = 0.999;  ///< but see default_beta2()
  double epsilon = 1e-7;
  double rho = 0.9;                  ///< rmsprop: share of the old average that a step keeps
  bool centered = false;             ///< rmsprop: divide by the deviation, not by the root of the mean square
  double weight_decay = 0.0;         ///< kernels only; L2, but for adamw and lion, where it is decoupled
  double trust_coefficient = 0.001;  ///< lars
  double clip_norm = 0.0;            ///< global norm of the mean gradient; 0 = off
};

struct OptimizerRow {
  OptimizerKind kind{};
  const char* word = "";
  KindKeys keys;  ///< beside learning_rate, weight_decay and clip_norm
};
inline constexpr std::array kOptimizers{
    OptimizerRow{OptimizerKind::sgd, "sgd", {"momentum", "nesterov"}},
    OptimizerRow{OptimizerKind::adam, "adam", {"beta1", "beta2", "epsilon"}},
    OptimizerRow{OptimizerKind::adamw, "adamw", {"beta1", "beta2", "epsilon"}},
    OptimizerRow{OptimizerKind::lars, "lars", {"momentum", "trust_coefficient"}},
    OptimizerRow{OptimizerKind::rmsprop, "rmsprop", {"momentum", "epsilon", "rho", "centered"}},
    OptimizerRow{OptimizerKind::lion, "lion", {"beta1", "beta2"}},
};

/// The authors of lion and of adam recommend different ones.
constexpr double default_beta2(OptimizerKind kind) {
  return kind == OptimizerKind::lion ? 0.99 : OptimizerConfig{}.beta2;
}

}  // namespace annulus::trainer

template <>
struct annulus::EnumWords<annulus::trainer::OptimizerKind> {
  static constexpr std::array kWords = annulus::trainer::words_of(annulus::trainer::kOptimizers);
};
