// MPI from first to last call: found from the launcher, initialised once, ended by all ranks together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/error.hpp"
#include "base/node_memory.hpp"
#include "comm/ranks/process_group.hpp"

namespace annulus::comm {

/// Who this process is among its peers, as the launcher and MPI report it.
struct World {
  int rank = 0;
  int ranks = 1;
  int node_rank = 0;   ///< rank among the ranks of this host
  int node_ranks = 1;  ///< ranks on this host
  std::string host;
  std::string launcher;     ///< "none", "mpirun" or "srun"
  std::uint64_t start = 0;  ///< the same for all ranks of a start of the program, different at the next one
};

/// How many ranks a failure has hit.
enum class Failure {
  alone,   ///< others are at work, and wait for this rank sooner or later
  of_all,  ///< every rank has failed, not all for the same cause
  of_all_alike,
};

/// Owns MPI. Started without a launcher it does not initialise MPI at all (a plain run starts faster) and its
/// group is the serial one.
class MpiSession {
 public:
  /// @throws UsageError when the launcher started N processes but MPI sees a world of one, with the fix.
  MpiSession(int& argc, char**& argv);
  ~MpiSession();
  MpiSession(const MpiSession&) = delete;
  MpiSession& operator=(const MpiSession&) = delete;

  const World& world() const;
  /// The group of all ranks; owned by the session, used from the main thread. Its limit is that of
  /// mpi_call_limit() (call_guard.hpp) unless somebody sets another.
  ProcessGroup& group();
  /// Memory shared by the ranks of this host (an MPI window; plain memory when alone on it).
  std::unique_ptr<NodeMemory> allocate_node_memory(std::size_t bytes);
  /// Memory shared by all ranks of the job, for what messages can do as well but slower. Collective.
  /// @return null, on every rank, unless all ranks are on this host and it has room to spare
  std::unique_ptr<NodeMemory> try_allocate_shared(std::size_t bytes);
  /// Called once by a rank that has failed and holds nothing collective any more: waits a moment for the
  /// others to call it too. When all have, the session ends MPI orderly; otherwise abort() is what remains.
  /// @param cause  the same number for the same error, e.g. a hash of its message
  Failure meet_failed(std::uint64_t cause) noexcept;
  /// Whether this rank, which fails alone, is the one of its host to tell the user (speech.hpp).
  bool speaks_first() noexcept;
  /// Ends every rank of the job with this code, now. Does not return, and takes at most some seconds: where
  /// MPI does not end the job, this process ends by itself. Any thread: MPI_Abort is the one call that has to
  /// work while the main thread hangs in another (tried with Open MPI 4.1).
  [[noreturn]] void abort(ExitCode code) noexcept;
  /// "Open MPI 4.1.4, thread support multiple"; "not started" for a plain run.
  std::string describe() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace annulus::comm
