// The training loop: what happens in a step, at the end of an epoch, and when to stop. It owns nothing; the
// parts are put together in training_job.cpp.
//
// In: the parts of a training (TrainingParts) and where the run stands.
// Out: the trained parameters in the replica, and a record of every step to the recorder.
// Invariant: all ranks take the same turns: what one of them learns alone (a signal, an error, a bad sum)
// becomes everybody's through the control word before anything depends on it. A bad step changes nothing.
// Next: training_loop.cpp (step), host_step_engine.cpp (what a step is on a CPU), control_word.hpp,
// recorder.hpp, run_state.hpp.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "base/error.hpp"
#include "comm/ranks/process_group.hpp"
#include "io/loading/batch_loader.hpp"
#include "io/loading/sharded_sampler.hpp"
#include "trainer/backend/contract/replica.hpp"
#include "trainer/backend/contract/step_engine.hpp"
#include "trainer/loop/control_word.hpp"
#include "trainer/loop/diagnosis.hpp"
#include "trainer/loop/evaluator.hpp"
#include "trainer/loop/optimizer.hpp"
#include "trainer/loop/reading_tally.hpp"
#include "trainer/loop/recorder.hpp"
#include "trainer/loop/run_state.hpp"
#include "trainer/loop/shared_state.hpp"
#include "trainer/loop/step_hook.hpp"
#include "trainer/model/config.hpp"

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
  RunState& state;                             ///< where the run stands; restored from a checkpoint or fresh
  StepHook* hook = nullptr;                    ///< drills only
  const io::SampleSource* training = nullptr;  ///< asked after every step whether its file is unchanged
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
  /// @throws RuntimeError on a bad step that ends the run, or (debug) replicas that differ; PeerError
  Outcome run();

  /// One step: next batch, forward and backward, reduction, update, record. The loader stands at state.step.
  /// The record may be that of the step before, when the device runs behind; see StepEngine.
  void step();
  /// Records the steps that still run, so that state and sums are those of the last step begun.
  void settle() { record_steps(0); }

 private:
  /// A step under way.
  struct Begun {
    StepRecord record;
    double loss_limit = 0;
    Spoil spoil = Spoil::nothing;
  };
  /// Thrown to where the run can go back: by a bad step, whoever waits for its result.
  struct GoBack : RuntimeError {
    GoBack(std::uint64_t bad_step, const std::string& diagnosis)
        : RuntimeError("{}", diagnosis), step(bad_step) {}
    std::uint64_t step;
  };

  bool advance();
  bool pass_over();
  void record_steps(std::size_t unfinished);
  void record(const StepRecord& record, const StepResult& result);
  void handle(const BadStep& bad);
  void skip(const BadStep& bad, const std::string& diagnosis);
  void go_back(const GoBack& bad);
  void seek();
  StateParts state_parts() const;
  void finish_epoch();
  void judge(const Evaluation& validation);
  void save(bool best);
  void finish_saving();
  bool is_ledger_step(bool epoch_ended) const;
  ControlWord agree(bool compare_states);
  std::optional<Error> failure() const;
  bool at_end_of_epoch() const;  ///< a whole one, not where a run ends within one
  bool stops_early() const;

  TrainingParts parts_;
  std::deque<Begun> begun_;  ///< steps whose results are not known yet, oldest first
  std::uint64_t steps_per_epoch_;
  std::uint64_t total_steps_;
  ReadingTally reading_;
  double training_since_ = 0;  ///< begin of the epoch's training, moved on by what was none; seconds
};

/// Steps of a whole run: epochs may be a fraction.
std::uint64_t total_steps(double epochs, std::uint64_t steps_per_epoch);

}  // namespace annulus::trainer
