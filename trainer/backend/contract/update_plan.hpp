// How an update is cut up: the same pieces, tensors and moving averages for the host and for a GPU, from the
// configuration and the arena's layout alone, so that the bits depend on nothing else.
#pragma once

#include <algorithm>
#include <cstdint>
#include <variant>
#include <vector>

#include "base/error.hpp"
#include "trainer/backend/contract/replica.hpp"
#include "trainer/backend/rules/update_pieces.hpp"
#include "trainer/model/optimizer_config.hpp"

namespace annulus::trainer {

struct UpdatePlan {
  std::vector<Piece> pieces;       ///< segment after segment
  std::vector<PieceRange> ranges;  ///< all pieces, then each segment's
  std::vector<SegmentRule> segments;
  std::vector<float> momenta;  ///< of the moving averages, by element of the statistics arena
};

/// Share of its old moving averages that a layer keeps in every step. @pre it has some
inline float moving_momentum(const Layer& layer) {
  float momentum = -1;
  const auto ask = [&](const auto& operation) {
    if constexpr (requires { operation.momentum; }) momentum = operation.momentum;
  };
  std::visit(ask, layer.operation);
  expect_contract(momentum >= 0, "a layer with moving averages says how slowly they move");
  return momentum;
}

inline void add_segment(UpdatePlan& plan, const Segment& segment, SegmentRule rule, bool trained) {
  const auto number = static_cast<std::int32_t>(plan.segments.size());
  const auto first = static_cast<std::int64_t>(plan.pieces.size());
  // What is fixed has no pieces: nothing reads its gradient, nothing changes it.
  const auto end = static_cast<std::int64_t>(segment.offset + (trained ? segment.count : 0));
  for (auto begin = static_cast<std::int64_t>(segment.offset); begin < end; begin += kPieceElements)
    plan.pieces.push_back({begin, static_cast<std::int32_t>(std::min(kPieceElements, end - begin)), number});
  plan.ranges.push_back({first, static_cast<std::int64_t>(plan.pieces.size())});
  plan.segments.push_back(rule);
}

inline UpdatePlan plan_update(const OptimizerConfig& config, const Network& network,
                              const ArenaLayout& layout) {
  UpdatePlan plan{.ranges = {{0, 0}}};
  for (const Segment& segment : layout.trainable) {
    const Parameter& parameter = network.layers.at(segment.layer).parameters.at(segment.parameter);
    const bool kernel = parameter.decays;
    add_segment(plan, segment, {kernel ? static_cast<float>(config.weight_decay) : 0.0f, kernel ? 1 : 0},
                parameter.fixed.empty());
  }
  plan.ranges.front().end = static_cast<std::int64_t>(plan.pieces.size());
  plan.momenta.assign(layout.statistics_count, 0.0f);
  for (const Segment& segment : layout.statistics)
    std::fill_n(plan.momenta.begin() + static_cast<std::ptrdiff_t>(segment.offset), segment.count,
                moving_momentum(network.layers.at(segment.layer)));
  return plan;
}

}  // namespace annulus::trainer
