// What a run leaves behind while it trains: metrics, progress on the terminal, checkpoints. Rank 0 keeps
// them; the recorders of the other ranks do nothing, so the loop never asks which rank it is.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/error.hpp"
#include "io/dataset/read_counts.hpp"
#include "trainer/loop/evaluator.hpp"
#include "trainer/loop/run_state.hpp"
#include "trainer/model/top_k.hpp"

namespace annulus::trainer {

/// One finished step, means over its samples.
struct StepRecord {
  std::uint64_t step = 0;    ///< counted from 1 over the whole run
  std::uint64_t epoch = 0;   ///< counted from 0
  std::int64_t samples = 0;  ///< over all ranks
  double loss = 0;
  double accuracy = 0;
  std::optional<TopAccuracy> top = {};  ///< with metrics.top_k
  double learning_rate = 0;
  double gradient_norm = 0;  ///< 0 when not computed
};

/// One finished epoch (or the last part of one).
struct EpochRecord {
  std::uint64_t epoch = 0;  ///< counted from 0
  std::uint64_t step = 0;
  double loss = 0;  ///< mean over the epoch's samples, with dropout and augmentation on
  double accuracy = 0;
  std::optional<TopAccuracy> top = {};  ///< with metrics.top_k
  double learning_rate = 0;             ///< of its last step
  double training_seconds = 0;          ///< of its steps in this process; validation and saving do not count
  const Evaluation* validation = nullptr;  ///< at its end, if there is something to validate on
  /// What its steps in this process have read of the training data, over all ranks; nothing unless streamed.
  std::optional<io::ReadCounts> read = {};
};

class Recorder {
 public:
  virtual ~Recorder() = default;
  /// Restores the state of an earlier start into the replica and the optimizer.
  /// @param resume  "auto" (newest checkpoint that is intact, if any), "none", or the path of a checkpoint
  /// @return where the run stands; step 0 when it starts afresh and nothing was restored
  /// @throws DataError, UsageError
  virtual RunState restore(const std::string& resume) = 0;
  /// Restores the newest checkpoint that is intact, and forgets what was recorded after it.
  /// @return where the run stands now; nothing when there is no checkpoint, and nothing was restored
  /// @throws DataError when there are some, but none is intact
  virtual std::optional<RunState> go_back() = 0;
  virtual void step(const StepRecord& record) = 0;
  virtual void epoch(const EpochRecord& record) = 0;
  virtual void event(const RunState& state, const std::string& text) = 0;
  /// Whether the config asks for a checkpoint at this step.
  virtual bool checkpoint_due(const RunState& state) const = 0;
  /// Takes a checkpoint of this step, unless there is one, and its line in the ledger. Returns as soon as the
  /// state is copied; the file is written while training goes on. @param best  also make it the best one
  virtual void checkpoint(const RunState& state, bool best) = 0;
  /// Takes the line of this step in the ledger, unless there is one, in the same way.
  virtual void ledger(const RunState& state) = 0;
  /// Waits until everything taken is on the disk and verified. @throws what failed
  virtual void finish() = 0;
  /// Why files can no longer be written; nothing while all is well. Asked after every step, so that all ranks
  /// end alike: step(), epoch(), event(), checkpoint() and ledger() keep such errors for this.
  virtual std::optional<Error> failure() = 0;
};

/// For all ranks but 0.
std::unique_ptr<Recorder> make_silent_recorder();

}  // namespace annulus::trainer
