// Carries out whole training steps on a device: forward and backward, the sum over all shards, the update of
// parameters and moving averages. The training loop says what the next step is made of, and asks later what
// came of it.
#pragma once

#include <cstddef>
#include <limits>

#include "io/dataset/batch.hpp"
#include "io/loading/batch_loader.hpp"
#include "trainer/backend/rules/update_rules.hpp"

namespace annulus::trainer {

/// What this rank spoils in a step, for drills.
enum class Spoil {
  nothing,
  input,     ///< a value of a sample
  gradient,  ///< a value of this rank's gradient, before it is summed over the ranks
};

/// What the training loop decides about a step; but for `spoil` the same on every rank.
struct StepOrder {
  double learning_rate = 0;
  double loss_limit = std::numeric_limits<double>::infinity();  ///< a mean loss above it is a spike
  Spoil spoil = Spoil::nothing;                                 ///< an engine sees to gradients
};

/// What a finished step says about itself: sums over all of its samples, the same on every rank.
struct StepResult {
  double loss_sum = 0;
  double correct = 0;
  double top = 0;            ///< samples whose label is among the k largest outputs (LossOptions::top_k)
  double gradient_norm = 0;  ///< 2-norm of the mean gradient over all parameters, before clipping and decay
  Verdict verdict = Verdict::good;  ///< anything else: parameters, averages and optimizer are as before
  int bad_segment = -1;             ///< first of ArenaLayout::trainable whose gradient is not finite
};

/// Steps finish in the order in which they begin. On the host a step is over when begin() returns. A GPU is
/// given its next step while it still works on the last, so that it never waits for the host; what a step
/// computed is then known one step later, and whoever needs the truth before that (the end of an epoch, a
/// checkpoint, the last step) calls finish() until no step is left.
class StepEngine {
 public:
  virtual ~StepEngine() = default;

  /// Begins a step. Batch views are not read after the call returns. Collective: every rank begins the same
  /// steps. @pre at most steps_ahead() steps are unfinished
  /// @throws RuntimeError, PeerError of this step or, where a device runs behind, of an earlier one
  virtual void begin(const io::Batch& batch, const StepOrder& order) = 0;
  /// Waits for the oldest step that has not been finished and says what it computed. Local.
  virtual StepResult finish() = 0;
  /// Steps that may be left unfinished while the next one begins: 0, or 1 where that saves waiting.
  virtual std::size_t steps_ahead() const = 0;

  /// What batches should bring along, and the memory that they should bring it in (none: any memory).
  virtual io::BatchContent content() const { return io::BatchContent::images; }
  virtual io::BatchMemory batch_memory() const { return {}; }

  /// Brings parameters, moving averages and optimizer states to their places in host memory, where
  /// Replica::parameters(), Replica::statistics() and Optimizer::states() find them. Nothing to do on the
  /// host. @pre no step is unfinished
  virtual void download() = 0;
  /// The way back, after those places were written. @pre no step is unfinished
  virtual void upload() = 0;
};

}  // namespace annulus::trainer
