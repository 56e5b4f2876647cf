// Runs the program under test as its users do, alone or under mpirun, in a folder of its own.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace annulus::test {

/// What a finished program left behind.
struct Outcome {
  int code = -1;       ///< exit code; 128 + signal when it was killed
  std::string output;  ///< standard output and standard error together
  double seconds = 0;  ///< from start to end
};

/// A process started in the background. Waited for at the latest by its destructor.
class Process {
 public:
  Process(std::vector<std::string> command, const std::filesystem::path& folder,
          std::filesystem::path output);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  void signal(int number) const;
  Outcome wait();

 private:
  std::filesystem::path output_;
  std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  pid_t process_ = -1;
};

/// Settings of a training that goes on until somebody ends it, without a loss that grows until it is not
/// finite.
inline const std::vector<std::string> kEndless{"epochs=4000", "optimizer.learning_rate=1e-6",
                                               "checkpoint.every_epochs=0"};

/// A folder for one test, removed at its end, with a small dataset `data.h5` in it.
class Workplace {
 public:
  /// @param samples  training images (32 x 32 x 3, 10 classes); a third as many test images
  explicit Workplace(std::uint64_t samples = 96);
  ~Workplace();
  Workplace(const Workplace&) = delete;
  Workplace& operator=(const Workplace&) = delete;

  std::filesystem::path path(const std::string& name) const { return folder_ / name; }

  /// Runs `annulus ARGUMENTS` and waits. @param ranks  0: without mpirun
  Outcome run(const std::vector<std::string>& arguments, int ranks = 0) const;
  /// Runs a line of shell, which finds the program as $ANNULUS and mpirun as $MPIRUN.
  Outcome shell(const std::string& line) const;
  /// The same in the background; its output goes to a file.
  Process start(const std::vector<std::string>& arguments, int ranks = 0) const;
  /// `train` of the smoke config on data.h5 into run directory `run`, with more words added.
  std::vector<std::string> training(const std::string& run, const std::vector<std::string>& more = {}) const;
  /// Waits until a run has recorded a step. @return false when that takes too long
  bool has_started(const std::string& run) const;
  /// State hash of a run's latest checkpoint.
  std::uint64_t state_hash(const std::string& run) const;
  /// Files below the folder whose writing was begun and not finished.
  std::vector<std::string> unfinished() const;
  /// Processes that work in the folder, of all programs or of the one with this name.
  std::vector<pid_t> processes(const std::string& program = {}) const;
  /// Processes that still do a second later: what reads files for a rank that was killed sees it go, and
  /// goes.
  std::vector<pid_t> left_behind() const;
  /// Records of a run's metrics.jsonl.
  std::vector<nlohmann::json> metrics(const std::string& run) const;

 private:
  std::filesystem::path folder_;
};

}  // namespace annulus::test
