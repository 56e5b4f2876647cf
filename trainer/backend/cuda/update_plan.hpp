// The tables behind the update on the GPU, from the configuration and the arena's layout. No CUDA in here.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <variant>
#include <vector>

#include "trainer/backend/contract/replica.hpp"
#include "trainer/backend/cuda/kernels/optimizer_body.hpp"
#include "trainer/model/config.hpp"

namespace annulus::trainer::cuda {

struct UpdatePlan {
  UpdateConstants constants;
  std::vector<Piece> pieces;       ///< segment after segment
  std::vector<PieceRange> ranges;  ///< all pieces, then each segment's
  std::vector<SegmentRule> segments;
  std::vector<float> momenta;  ///< of the moving averages, by element of the statistics arena
};

inline UpdateRule update_rule(const OptimizerConfig& config) {
  switch (config.kind) {
    case OptimizerKind::adam:
      return UpdateRule::adam;
    case OptimizerKind::adamw:
      return UpdateRule::adamw;
    case OptimizerKind::lars:
      return UpdateRule::lars;
    case OptimizerKind::sgd:
      break;
  }
  if (config.momentum == 0) return UpdateRule::sgd_plain;
  return config.nesterov ? UpdateRule::sgd_nesterov : UpdateRule::sgd_momentum;
}

inline UpdateConstants update_constants(const OptimizerConfig& config) {
  return {.rule = update_rule(config),
          .momentum = static_cast<float>(config.momentum),
          .beta1 = static_cast<float>(config.beta1),
          .one_minus_beta1 = static_cast<float>(1.0 - config.beta1),
          .beta2 = static_cast<float>(config.beta2),
          .one_minus_beta2 = static_cast<float>(1.0 - config.beta2),
          .epsilon = static_cast<float>(config.epsilon),
          .clip_norm = config.clip_norm,
          .weight_decay = config.weight_decay,
          .trust_coefficient = config.trust_coefficient};
}

inline void add_segment(UpdatePlan& plan, const Segment& segment, SegmentRule rule) {
  const auto number = static_cast<std::int32_t>(plan.segments.size());
  const auto first = static_cast<std::int64_t>(plan.pieces.size());
  const auto end = static_cast<std::int64_t>(segment.offset + segment.count);
  for (auto begin = static_cast<std::int64_t>(segment.offset); begin < end; begin += kPieceElements)
    plan.pieces.push_back({begin, static_cast<std::int32_t>(std::min(kPieceElements, end - begin)), number});
  plan.ranges.push_back({first, static_cast<std::int64_t>(plan.pieces.size())});
  plan.segments.push_back(rule);
}

inline UpdatePlan plan_update(const OptimizerConfig& config, const Network& network,
                              const ArenaLayout& layout) {
  UpdatePlan plan{.constants = update_constants(config), .ranges = {{0, 0}}};
  for (const Segment& segment : layout.trainable) {
    const bool kernel = network.layers.at(segment.layer).parameters.at(segment.parameter).decays;
    add_segment(plan, segment, {kernel ? static_cast<float>(config.weight_decay) : 0.0f, kernel ? 1 : 0});
  }
  plan.ranges.front().end = static_cast<std::int64_t>(plan.pieces.size());
  plan.momenta.assign(layout.statistics_count, 0.0f);
  for (const Segment& segment : layout.statistics)
    std::fill_n(plan.momenta.begin() + static_cast<std::ptrdiff_t>(segment.offset), segment.count,
                std::get<BatchNorm>(network.layers.at(segment.layer).operation).momentum);
  return plan;
}

/// What update number `t` (from 1 on) needs to know.
struct UpdateStep {
  double learning_rate = 0;
  std::int64_t samples = 1;
  std::uint64_t t = 1;
  std::uint64_t t_if_skipped = t;  ///< number of the update if the step before turns out to have made none
  double loss_limit = std::numeric_limits<double>::infinity();
};
inline UpdateScalars update_scalars(const OptimizerConfig& config, const UpdateStep& step) {
  const auto bias = [&](std::uint64_t t) {
    return adam_bias({config.beta1, config.beta2}, t, step.learning_rate);
  };
  return {.learning_rate = step.learning_rate,
          .samples = static_cast<double>(step.samples),
          .loss_limit = step.loss_limit,
          .bias = bias(step.t),
          .bias_if_skipped = bias(step.t_if_skipped)};
}

}  // namespace annulus::trainer::cuda
