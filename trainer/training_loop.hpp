// The training loop: what happens in a step, at the end of an epoch, and when to stop. It owns nothing; the
// parts are put together in training_job.cpp.
#pragma once

#include <cstdint>
#include <optional>

#include "comm/gradient_reducer.hpp"
#include "comm/process_group.hpp"
#include "io/batch_loader.hpp"
#include "io/sharded_sampler.hpp"
#include "trainer/backend/replica.hpp"
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
  comm::GradientReducer& reducer;
  Optimizer& optimizer;
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

  /// One step: next batch, forward and backward, reduction, update. The loader stands at state.step.
  StepRecord step();

 private:
  void finish_epoch();
  void judge(const Evaluation& validation);
  ControlWord agree(const StepRecord& record);
  bool stops_early() const;

  TrainingParts parts_;
  std::uint64_t steps_per_epoch_;
  std::uint64_t total_steps_;
};

/// Steps of a whole run: epochs may be a fraction.
std::uint64_t total_steps(double epochs, std::uint64_t steps_per_epoch);

}  // namespace annulus::trainer
