// The recorder of rank 0: run directory, metrics, progress, checkpoints.
//
// In: what the loop reports to its Recorder.
// Out: the run directory: configuration, metrics, ledger, checkpoints; and at a start the state to go on
// from.
// Invariant: files tell of a state that was reached: after a kill at any moment the newest checkpoint is
// whole, and what was recorded after it is dropped when the run goes on.
// Next: directory.hpp (the names), checkpoint_store.hpp and snapshot_worker.hpp (checkpoints),
// resume_rules.cpp (what may go on), metrics.hpp.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "comm/device/bucket_choice.hpp"
#include "io/dataset/signature.hpp"
#include "trainer/loop/optimizer.hpp"
#include "trainer/loop/recorder.hpp"
#include "trainer/loop/same_numbers.hpp"
#include "trainer/model/config.hpp"

namespace annulus::trainer {

/// What the recorder needs to know; the references outlive it.
struct FileRecorderOptions {
  const Config& config;
  std::string host;  ///< where this rank runs, and its MPI library: for environment.json
  std::string mpi;
  std::string run_directory;
  std::vector<std::string> command_line;
  Replica& replica;
  Optimizer& optimizer;
  std::string data_fingerprint;   ///< of the training data (trainer/run/resume_rules.hpp)
  std::string validated_on = {};  ///< TrainingData::validated_on, and the fingerprint of these data
  std::string validation_data = {};
  NumbersRecord numbers = {};  ///< how this start computes
  std::uint64_t streams = 1;   ///< of the shuffle
  std::uint64_t steps_per_epoch = 1;
  double data_seconds = 0;  ///< that opening and measuring the data took
  comm::BucketSize bucket_size;
  std::vector<std::string> allow_change;  ///< see ResumeRules
  io::DataSignature data = {};            ///< of the training data, as the model sees them
  std::string data_note = {};             ///< how they were made so, for messages
};

/// Its restore() creates the run directory or opens the one that is there, and throws UsageError when that
/// holds a run of another config, RuntimeError when it cannot be written.
std::unique_ptr<Recorder> make_file_recorder(const FileRecorderOptions& options);

}  // namespace annulus::trainer
