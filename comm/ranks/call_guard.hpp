// The calls of MPI that have no limit of their own and that nothing else watches: those in which MPI starts
// and ends. Any rank that hangs, is stopped or cannot be reached holds all others in them for ever.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace annulus::comm {

/// What a guarded call is allowed, and what its end says.
struct GuardedCall {
  std::string name;     ///< "MPI_Init"
  std::string meaning;  ///< "so no rank can begin"
  int rank = 0;         ///< as the launcher says, before MPI does
  std::string host;
  double warning_seconds = 30;  ///< rank 0 says that it waits
  double limit_seconds = 300;   ///< 0: no limit, no warning
};

inline constexpr const char* kMpiSecondsVariable = "ANNULUS_MPI_SECONDS";

/// Seconds that MPI may take to start or to end, and that a rank waits for another where no watchdog does:
/// $ANNULUS_MPI_SECONDS, or 300; 0 is for ever.
/// @throws UsageError when it is not a number of seconds
double mpi_call_limit(const std::function<const char*(const char*)>& read);

/// While it lives, the call is watched by a thread: one warning, and at the limit a message with the usual
/// remedies and the end of this process with ExitCode::watchdog, upon which the launcher ends the others.
/// Time in which the process does not run (a debugger, a laptop asleep) does not count. Ranks end one after
/// another, rank 0 first, so that there is one message.
class CallGuard {
 public:
  explicit CallGuard(GuardedCall call);
  ~CallGuard();
  CallGuard(const CallGuard&) = delete;
  CallGuard& operator=(const CallGuard&) = delete;

 private:
  void watch();

  const GuardedCall call_;
  std::mutex mutex_;
  std::condition_variable ended_;
  bool over_ = false;
  std::thread thread_;
};

}  // namespace annulus::comm
