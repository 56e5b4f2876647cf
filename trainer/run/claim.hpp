// One job at a time works in a run directory: two would overwrite each other's checkpoints and metrics.
#pragma once

#include <filesystem>
#include <memory>

#include "io/files/descriptor.hpp"

namespace annulus::trainer {

/// How long a job that is about to end is waited for.
struct Patience {
  double here_seconds = 5;         ///< on this machine
  double elsewhere_seconds = 120;  ///< on another: a file server may keep the lock of a lost host for 90 s
};

/// Waits until no job works in a run directory. Makes nothing.
/// @throws UsageError naming the process and its host when it does not end in time
void await_unclaimed(const std::filesystem::path& run, Patience patience = {});

/// The right to write into a run directory: a lock on the file `lock` there, which the system takes back
/// however the process ends. Where a file system shares locks between hosts (NFS, Lustre with `flock`) it
/// holds for all of them; one without locks is warned of.
class RunClaim {
 public:
  /// @param run  an existing directory
  /// @throws UsageError at once when another job has claimed it; RuntimeError when the file cannot be made
  explicit RunClaim(const std::filesystem::path& run);

 private:
  std::shared_ptr<io::Descriptor> file_;  ///< shared with a lock service that does not answer
};

}  // namespace annulus::trainer
