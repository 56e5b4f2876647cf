// See call_guard.hpp. MPI_Abort cannot be called before MPI has started, so the process ends itself.
#include "comm/ranks/call_guard.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <system_error>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/stop_request.hpp"

namespace annulus::comm {
namespace {

constexpr double kLookSeconds = 0.2;
constexpr double kLongestLook = 1;  // more than this between two looks was sleep
constexpr int kMostRanksApart = 10;

void give_up(const GuardedCall& call, double waited) {
  if (!trainer::stop_requested())  // else the launcher is ending the job, and another rank has said why
    log_error(
        "rank {} on host {} (process {}) hangs in {}: it has not come back for {:.0f} s, {}. One of the ranks is stopped or hangs (look at their processes on every host), or ranks cannot reach each other: Open MPI tries docker bridges and VPNs unless `--mca btl_tcp_if_include NETWORK --mca oob_tcp_if_include NETWORK` names the network that the hosts share, and a firewall must let it pass; below srun, `--mpi=pmix` has to be what this MPI speaks. `annulus doctor`, started alike, shows who can start. If that is how long it takes, set {} (0: no limit). The job ends with code {}.",
        call.rank, call.host, getpid(), call.name, waited, call.meaning, kMpiSecondsVariable,
        static_cast<int>(ExitCode::watchdog));
  _exit(static_cast<int>(ExitCode::watchdog));
}

}  // namespace

double mpi_call_limit(const std::function<const char*(const char*)>& read) {
  constexpr double kUsualSeconds = 300;
  const char* const text = read(kMpiSecondsVariable);
  if (text == nullptr || *text == '\0') return kUsualSeconds;
  char* end = nullptr;
  const double seconds = std::strtod(text, &end);
  if (*end != '\0' || !std::isfinite(seconds) || seconds < 0)
    throw UsageError(
        "{}='{}' is not a number of seconds that MPI may take to start. Set it to 600, say, or to 0 for no limit.",
        kMpiSecondsVariable, text);
  return seconds;
}

CallGuard::CallGuard(GuardedCall call) : call_(std::move(call)) {
  if (call_.limit_seconds <= 0) return;
  try {
    thread_ = std::thread([this] { watch(); });
  } catch (const std::system_error&) {
    log_debug("nothing watches {}: there is no thread to be had", call_.name);
  }
}

CallGuard::~CallGuard() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  ended_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void CallGuard::watch() {
  const double limit = call_.limit_seconds + std::min(call_.rank, kMostRanksApart);
  double waited = 0;
  double last = steady_seconds();
  bool warned = call_.rank != 0;
  std::unique_lock lock(mutex_);
  while (!ended_.wait_for(lock, std::chrono::duration<double>(kLookSeconds), [this] { return over_; })) {
    const double now = steady_seconds();
    waited += std::min(now - last, kLongestLook);
    last = now;
    if (!warned && waited > std::min(call_.warning_seconds, call_.limit_seconds / 2)) {
      warned = true;
      log_warning(
          "{} has not come back for {:.0f} s: a rank is late, stopped or cannot be reached; the job ends after {:.0f} s",
          call_.name, waited, call_.limit_seconds);
    }
    if (waited > limit) give_up(call_, waited);
  }
}

}  // namespace annulus::comm
