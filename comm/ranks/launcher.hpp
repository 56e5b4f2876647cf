// What the environment says about who started this process, before MPI is asked.
#pragma once

#include <functional>
#include <string>

namespace annulus::comm {

/// The launcher's view of the job.
struct Launch {
  std::string launcher = "none";  ///< "none", "mpirun" or "srun"
  int ranks = 1;                  ///< processes that the launcher started
  bool uses_mpi = false;          ///< whether MPI must be initialised to meet the others
};

/// Reads a variable of the environment; nullptr when it is not set.
using EnvironmentReader = std::function<const char*(const char* name)>;

/// Looks for mpirun (Open MPI or another MPI) and for srun. A plain start in a batch script or in a shell of
/// salloc is a plain start, however many tasks the allocation has: only srun itself sets SLURM_STEP_*.
Launch detect_launcher(const EnvironmentReader& read);

/// This process' number among those of its launcher on this host, as the launcher says: it chooses the GPU.
/// @return `fallback` (MPI's own count) when the launcher does not say
int local_rank(const EnvironmentReader& read, int fallback);

/// This process' number among all, as the launcher says: for messages before MPI has started. 0 when it does
/// not.
int launched_rank(const EnvironmentReader& read);

/// What to tell whoever starts the program inside a SLURM job of several tasks or nodes without a launcher:
/// it is one process alone. Empty when that is not so.
std::string lone_process_message(const EnvironmentReader& read);

/// The sentence to show when the launcher started several ranks and MPI sees only one.
std::string separate_worlds_message(const Launch& launch);

}  // namespace annulus::comm
