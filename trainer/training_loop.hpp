// The training loop: what happens in a step, at the end of an epoch, and when to stop. It owns nothing; the
// parts are put together in training_job.cpp.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "comm/process_group.hpp"
#include "io/batch_loader.hpp"
#include "io/sharded_sampler.hpp"
#include "trainer/backend/replica.hpp"
#include "trainer/backend/step_engine.hpp"
#include "trainer/control_word.hpp"
#include "trainer/evaluator.hpp"
#include "trainer/model/config.hpp"
#include "trainer/optimizer.hpp"
#include "trainer/recorder.hpp"
#include "trainer/run_state.hpp"

namespace annulus::trainer {

/// Everything the loop works with; all of it outlives the loop.
struct TrainingParts {
  const Config& config;
  comm::ProcessGroup& group;
  Replica& replica;
  Optimizer& optimizer;
  StepEngine& engine;
  const io::ShardedSampler& sampler;
  io::BatchLoader& loader;
  Evaluator* validation;  ///< null when there is nothing to validate on
  Recorder& recorder;
  RunState& state;  ///< where the run stands; restored from a checkpoint or fresh
};

/// How a call of run() ended.
enum class Outcome {
  finished,  ///< all epochs done, or stopped early because validation no longer improved
  stopped,   ///< asked to stop; a checkpoint of this very step is on disk
};

class TrainingLoop {
 public:
  explicit TrainingLoop(const TrainingParts& parts);

  /// Trains from where the state stands to the end. Collective.
  /// @throws RuntimeError on a loss that is not finite or (debug) replicas that differ; PeerError
  Outcome run();

  /// One step: next batch, forward and backward, reduction, update, record. The loader stands at state.step.
  /// The record may be that of the step before, when the device runs behind; see StepEngine.
  void step();
  /// Records the steps that still run, so that state and sums are those of the last step begun.
  void settle() { record_steps(0); }

 private:
  void record_steps(std::size_t unfinished);
  void finish_epoch();
  void judge(const Evaluation& validation);
  void save(bool best);
  void finish_saving();
  bool is_ledger_step(bool epoch_ended) const;
  ControlWord agree(bool compare_states);
  bool stops_early() const;

  TrainingParts parts_;
  std::deque<StepRecord> begun_;  ///< steps whose results are not known yet, oldest first
  std::uint64_t steps_per_epoch_;
  std::uint64_t total_steps_;
};

/// Steps of a whole run: epochs may be a fraction.
std::uint64_t total_steps(double epochs, std::uint64_t steps_per_epoch);

}  // namespace annulus::trainer
