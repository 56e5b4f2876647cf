// A private SLURM for tests (cluster.sh), and jobs as their owner sees them.
#pragma once

#include <cstdio>
#include <filesystem>
#include <string>

#include "tests/end_to_end/program.hpp"

namespace annulus::test {

/// Why there can be no cluster on this machine; empty when there can be one.
std::string missing_for_cluster();

/// Two nodes, n1 and n2, of four cores each, whatever the machine has. Clients find it by the environment
/// variable SLURM_CONF, which is set. Ends with the process, even when that is killed.
class Cluster {
 public:
  Cluster();
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  /// "kill", "start", "freeze" or "thaw" on "n1" or "n2".
  void change_node(const std::string& what, const std::string& node) const;
  /// Words that run a command on a node, as `ssh` does on a host: the node and the command come behind them.
  std::string remote_shell() const;

 private:
  std::filesystem::path folder_;
  std::FILE* keeper_ = nullptr;  ///< open as long as the cluster shall live
};

/// The cluster of this program; started by the first call.
Cluster& cluster();

/// A job that has been submitted, and what it has written so far.
class Job {
 public:
  /// `sbatch WORDS` in the folder of the place, with its log in NAME.log there. @param before  goes in front
  /// of sbatch, e.g. "ANNULUS_LAUNCHER=mpirun "
  Job(const Workplace& place, const std::string& name, const std::string& words,
      const std::string& before = {});

  const std::string& id() const { return id_; }
  std::string log() const;
  /// A field of `scontrol show job`, e.g. "JobState", "ExitCode" or "Restarts".
  std::string field(const std::string& name) const;
  /// Waits until its log says this. @return false when that takes too long
  bool says(const std::string& text) const;
  /// Waits for the end of the job, requeued or not. @return its state, e.g. "COMPLETED"; "still RUNNING" when
  /// that takes too long
  std::string end(int limit_s = 90) const;

 private:
  const Workplace* place_;
  std::string name_;
  std::string id_;
};

}  // namespace annulus::test
