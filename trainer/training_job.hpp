// Puts a training together: the parts of a step, validation, run directory, the state of an earlier start;
// then hands it all to the training loop.
//
// In: the configuration as all ranks have it, the options of `annulus train`.
// Out: a trained run: its directory, and why it ended.
// Invariant: whatever can be refused is refused before the run directory is touched; a job that ends
// anywhere is gone on with from its last checkpoint.
// Next: assembly.cpp (the parts of a step), loop/training_loop.hpp (the steps), run/file_recorder.hpp
// (what is left behind).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "comm/ranks/mpi_session.hpp"
#include "trainer/assembly.hpp"
#include "trainer/data_splits.hpp"
#include "trainer/fault_injection.hpp"
#include "trainer/loop/evaluator.hpp"
#include "trainer/loop/recorder.hpp"
#include "trainer/loop/run_state.hpp"
#include "trainer/loop/training_loop.hpp"
#include "trainer/model/config.hpp"
#include "trainer/run/file_recorder.hpp"
#include "trainer/run/run_request.hpp"

namespace annulus::trainer {

struct JobOptions {
  std::string run_directory;
  std::string resume = "auto";            ///< "auto", "none" or the path of a checkpoint
  std::vector<std::string> allow_change;  ///< keys that a resumed run may change; see ResumeRules
  std::vector<std::string> command_line;  ///< for environment.json
  SourceFactory sources = {};             ///< for configs with data.generator
  std::optional<Fault> fault = {};        ///< to be made on purpose
};

class TrainingJob {
 public:
  /// Opens, compiles and restores everything. Collective; every rank gives the same config.
  /// @throws UsageError, DataError, RuntimeError as the parts do
  TrainingJob(Config config, comm::MpiSession& mpi, const JobOptions& options);

  Outcome run();
  const Config& config() const { return config_; }
  const RunState& state() const { return state_; }
  bool uses_gpu() const;
  std::uint64_t total_steps() const;

 private:
  void open_data(const JobOptions& options);
  std::optional<io::DataSignature> stored_data(const JobOptions& options);
  io::Normalisation known_normalisation() const;
  void measure_pixels(io::SampleSource& source);
  void make_parts();
  void open_run(const JobOptions& options);
  void restore(const JobOptions& options);
  void announce() const;

  Config config_;
  comm::MpiSession& mpi_;
  comm::ProcessGroup& group_;
  std::unique_ptr<io::SampleSource> training_;  ///< until the parts take it over
  std::unique_ptr<io::SampleSource> validation_;
  std::unique_ptr<Assembly> parts_;
  std::unique_ptr<Evaluator> evaluator_;
  std::unique_ptr<Recorder> recorder_;
  std::unique_ptr<StepHook> hook_;
  RunState state_;
  std::string fingerprint_;             ///< of the training data
  std::string validated_on_;            ///< TrainingData::validated_on
  std::string validation_fingerprint_;  ///< of these data
  std::string data_note_;               ///< how they were matched with those of an earlier start
  io::DataSignature data_;              ///< what they mean
  EarlierStart earlier_;
  std::optional<CheckpointInfo> stored_;  ///< rank 0: what the run goes on from, as far as it is read first
  double data_seconds_ = 0;
};

}  // namespace annulus::trainer
