// Turns the summed gradient of a step into new parameters. Everything is elementwise over flat arenas in the
// backend's layout, cut at borders that do not depend on the number of threads, so the bits do not either.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "trainer/backend/contract/optimizer_state.hpp"
#include "trainer/backend/contract/replica.hpp"
#include "trainer/loop/optimizer_kernels.hpp"
#include "trainer/model/config.hpp"

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
  std::string name;  ///< "momentum", or "m" and "v"
  std::span<float> values;
};

/// With g the mean gradient (clipped), w the parameters, wd the weight decay (kernels only), r the rate:
///  - sgd (as PyTorch): g += wd w; v = momentum v + g; w -= r v, or with Nesterov w -= r (g + momentum v);
///  - adam (Kingma & Ba 2015, algorithm 1): g += wd w; m, v biased moments; w -= r m^ / (sqrt(v^) + epsilon);
///  - adamw (Loshchilov & Hutter 2019, algorithm 2 as in PyTorch): w *= 1 - r wd, then adam without decay;
///  - lars (You, Gitman & Ginsburg 2017, algorithm 1): v = momentum v + r q (g + wd w); w -= v, with
///    q = trust |w| / (|g| + wd |w|) per kernel; q = 1 and no decay for biases and batch norm, and q = 1
///    where a norm is zero.
/// Clipping scales g by clip_norm / norm when its norm over all parameters is larger (Pascanu et al. 2013,
/// algorithm 1). State values below the smallest normal float become zero: they would cost a hundred times.
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

  /// The states for checkpoints and hashes; empty for plain sgd.
  std::vector<StateArena> states();
  /// Updates done so far (Adam's bias correction depends on it): part of the state.
  std::uint64_t steps() const { return state_.steps; }
  void set_steps(std::uint64_t steps) { state_.steps = steps; }
  /// The same as it lies in memory: for an engine that updates on its own device.
  OptimizerState& state() { return state_; }

 private:
  /// A run of elements that one thread updates: part of one segment, at most kPieceElements long.
  struct Piece {
    std::size_t segment;
    std::size_t begin;
    std::size_t end;
  };
  struct Step;

  template <class Body>
  void for_pieces(Replica& replica, const Body& body) const;
  UpdateRun run_of(const Step& step, std::size_t piece);
  void update_piece(const Step& step, std::size_t piece);
  std::vector<double> segment_rates(const Step& step, double rate) const;
  AdamFactors adam_factors(float gradient_scale, double rate) const;

  OptimizerConfig config_;
  std::vector<float> decay_;             ///< per segment
  std::vector<std::uint8_t> is_kernel_;  ///< per segment: decays, and has a trust ratio under lars
  std::vector<Piece> pieces_;
  OptimizerState state_;
  std::vector<double> gradient_squares_;   ///< per piece, of the last step
  std::vector<double> parameter_squares_;  ///< per piece, lars only
};

/// Moving averages of batch norm: moving = momentum * moving + (1 - momentum) * sum / samples, with each
/// layer's momentum.
/// @param statistics_sum  layout of the statistics arena: what follows the head in a gradient buffer
/// @param samples         samples of the step over all ranks, > 0
void update_statistics(Replica& replica, std::span<const float> statistics_sum, std::int64_t samples);

}  // namespace annulus::trainer
