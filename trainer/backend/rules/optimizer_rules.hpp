// Which rule a configuration asks for. A rule is a struct in this folder: what an optimizer remembers and how
// it changes a weight, the same for the host's loops and for the kernels of a GPU, so both give the same
// bits.
//
// It has the names of its states (kStates), whether its rate has a trust ratio (kTrustRatio), a constructor
// that makes its factors, in double and rounded once, and a call for one element with its states. States
// below the smallest normal float become zero: they would cost a hundred times.
//
// In: the mean gradient of an element, its weight and the optimizer's states of it.
// Out: the same weight and states after the step.
// Invariant: elements do not see each other; what depends on a whole tensor or on all of them
// (clipping, trust ratios) is a factor that was made before.
// Next: sgd.hpp and its sisters (the formulas and their sources), update_rules.hpp (whether a step
// counts at all), trainer/loop/optimizer.cpp (host), trainer/backend/cuda/kernels/optimizer_body.hpp
// (GPU).
#pragma once

#include <string>
#include <vector>

#include "trainer/backend/rules/adam.hpp"
#include "trainer/backend/rules/lion.hpp"
#include "trainer/backend/rules/rmsprop.hpp"
#include "trainer/backend/rules/sgd.hpp"

namespace annulus::trainer {

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
