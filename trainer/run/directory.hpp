// The directory that a run leaves behind: runs/NAME with its configuration, environment, checkpoints, logs,
// heartbeats and crash records.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "trainer/run/claim.hpp"
#include "trainer/run/environment.hpp"

namespace annulus::trainer {

/// What jobs/train.sbatch notes in the directory of its run, be there a run yet or not.
inline constexpr const char* kJobRecord = "restarts.txt";

/// Names inside a run directory. Makes nothing.
class RunDirectory {
 public:
  explicit RunDirectory(std::filesystem::path path) : path_(std::move(path)) {}

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path config() const { return path_ / "config.yaml"; }
  std::filesystem::path environment() const { return path_ / "environment.json"; }
  std::filesystem::path data() const { return path_ / "data.json"; }
  std::filesystem::path ledger() const { return path_ / "ledger.jsonl"; }
  std::filesystem::path checkpoints() const { return path_ / "checkpoints"; }
  std::filesystem::path logs() const { return path_ / "logs"; }
  std::filesystem::path crash() const { return path_ / "crash"; }
  std::filesystem::path heartbeats() const { return path_ / "heartbeats"; }
  std::filesystem::path log_file(int rank) const;

  /// Path of the best checkpoint, else of the newest one; empty when there is none.
  std::string chosen_checkpoint() const;
  /// Whether a run has been started here.
  bool holds_run() const;
  /// The configuration of the run here. @throws UsageError when there is none, naming what to try
  std::string stored_config() const;
  /// The text of environment.json; empty when there is none that can be read.
  std::string stored_environment() const;
  /// The text of data.json, likewise.
  std::string stored_data() const;

 private:
  std::filesystem::path path_;
};

/// What forbids to go on with a run.
struct Refusal {
  std::vector<std::string> differences;  ///< one text per key; none: the run may go on
  std::string remedy;                    ///< ResumeRules::remedy()
};
/// What of it there is in the stored configuration (its argument).
using StoredDifferences = std::function<Refusal(const std::string& stored)>;

/// Whether a run could start or go on here, as far as can be told in milliseconds, without making anything.
/// @param checkpoint_bytes  that a checkpoint needs at least
/// @throws UsageError as start_run() would, and when a folder cannot be written; RuntimeError when not even
/// one checkpoint fits on the disk
void check_run(const RunDirectory& directory, const StoredDifferences& differences,
               std::uint64_t checkpoint_bytes);

/// What a starting run brings along.
struct RunStart {
  std::string config;  ///< resolved YAML
  EnvironmentFacts environment;
  StoredDifferences differences;
};

/// Makes the directory and claims it, or takes over one that holds a run of the same configuration; writes
/// config.yaml and environment.json. Rank 0 only; the others wait for it before they open their log files.
/// @return the claim, which lasts as long as it is kept
/// @throws UsageError when it holds another run or foreign files, is at work in another job, or cannot be
/// made; RuntimeError when it is full
RunClaim start_run(const RunDirectory& directory, const RunStart& start);

}  // namespace annulus::trainer
