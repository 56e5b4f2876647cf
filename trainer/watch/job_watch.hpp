// All that watches over a rank while it trains: the watchdog, the herald and the crash record. `main` ends it
// last, so that it also sees a rank that hangs on its way out.
//
// In: what the main threads note of themselves (base/vital_signs.hpp), heartbeats of the others.
// Out: while all is well nothing; else one message that names the rank at fault, crash records, and the end
// of the job with a code.
// Invariant: what judges touches no file but those of /proc; what touches others may hang without harm. So
// a dead disk cannot keep a dead job alive.
// Next: verdict.hpp and .cpp (who is to blame, a pure function), watchdog.cpp (who asks), herald.cpp (the
// heartbeats), times.hpp (all time constants).
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "comm/ranks/mpi_session.hpp"
#include "trainer/model/config.hpp"

namespace annulus::trainer {

class JobWatch {
 public:
  /// Begins to watch. From here on waits for other ranks have no limit of their own: the watchdog, which
  /// knows what they are doing, decides. Collective. `mpi` outlives it.
  JobWatch(const WatchdogConfig& config, comm::MpiSession& mpi, std::vector<std::string> command_line);
  ~JobWatch();
  JobWatch(const JobWatch&) = delete;
  JobWatch& operator=(const JobWatch&) = delete;

  /// The run directory is there for all ranks: heartbeats begin, and crash records have a place.
  void enter(const std::filesystem::path& run);
  /// This rank goes down with an error: leaves the crash record now, before anything that may hang. Called
  /// again with better words it writes the record again.
  void failing(const std::string& message, ExitCode code) noexcept;
  /// Whether this rank is the one to tell the user, because no other has begun to.
  bool speaks_first() noexcept;
  /// This rank is about to end, orderly.
  void ended(ExitCode code) noexcept;

 private:
  struct Parts;
  comm::MpiSession& mpi_;
  std::chrono::seconds limit_before_;
  std::unique_ptr<Parts> parts_;
};

}  // namespace annulus::trainer
