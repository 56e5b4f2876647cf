// Turns the summed gradient of a step into new parameters. Everything is elementwise over flat arenas in the
// backend's layout, cut at borders that do not depend on the number of threads, so the bits do not either.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "trainer/backend/contract/optimizer_state.hpp"
#include "trainer/backend/contract/replica.hpp"
#include "trainer/backend/contract/update_plan.hpp"
#include "trainer/model/optimizer_config.hpp"

namespace annulus::trainer {

/// What a gradient turns out to be, before anything changes.
struct GradientReport {
  double norm = 0;       ///< 2-norm of the mean gradient over all parameters, before clipping and decay
  double squares = 0;    ///< sum of squares of the gradient sum; not finite if any element is not
  int bad_segment = -1;  ///< first of ArenaLayout::trainable with an element that is not finite
};

/// The mean gradient of a step.
struct GradientSum {
  std::span<const float> values;  ///< of the sum of the losses, laid out as the parameter arena
  std::int64_t samples = 1;       ///< of the step over all ranks, > 0; the sum is divided by it, once
};

/// One state of the optimizer, laid out as the parameter arena.
struct StateArena {
  std::string name;  ///< of state_names()
  std::span<float> values;
};

/// The host's update. The rules themselves are those of optimizer_rules.hpp.
class Optimizer {
 public:
  /// Starts with zero states. @pre `layout` is that of the replicas given to update().
  Optimizer(const OptimizerConfig& config, const Network& network, const ArenaLayout& layout);

  /// Looks at the gradient of a step, on replica.workers(). Parameters and states stay as they are.
  GradientReport measure(Replica& replica, const GradientSum& gradient);
  /// Changes replica.parameters() and the states. @pre measure() has just seen the same gradient
  void apply(Replica& replica, const GradientSum& gradient, double learning_rate);
  /// Both; a gradient that is not finite is not applied.
  GradientReport update(Replica& replica, const GradientSum& gradient, double learning_rate);

  const OptimizerConfig& config() const { return config_; }
  /// The states for checkpoints and hashes; empty for plain sgd.
  std::vector<StateArena> states();
  /// Updates done so far (Adam's bias correction depends on it): part of the state.
  std::uint64_t steps() const { return state_.steps; }
  void set_steps(std::uint64_t steps) { state_.steps = steps; }
  /// The same as it lies in memory: for an engine that updates on its own device.
  OptimizerState& state() { return state_; }

 private:
  struct Step;

  template <class Body>
  void for_pieces(Replica& replica, const Body& body) const;
  void update_piece(const Step& step, const Piece& piece);
  template <class Rule, std::size_t... State>
  void update_as(const Step& step, const Piece& piece, std::index_sequence<State...>);
  std::vector<double> segment_rates(double scale, double rate) const;

  OptimizerConfig config_;
  UpdatePlan plan_;
  OptimizerState state_;
  std::vector<double> gradient_squares_;   ///< per piece, of the last step
  std::vector<double> parameter_squares_;  ///< per piece, where there are trust ratios
};

/// Moving averages, as of batch norm: moving = momentum * moving + (1 - momentum) * sum / samples, with each
/// layer's momentum.
/// @param statistics_sum  layout of the statistics arena: what follows the head in a gradient buffer
/// @param samples         samples of the step over all ranks, > 0
void update_statistics(Replica& replica, std::span<const float> statistics_sum, std::int64_t samples);

}  // namespace annulus::trainer
