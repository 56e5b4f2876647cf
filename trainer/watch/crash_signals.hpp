// The last moments of a process that a fatal signal ends: SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT.
#pragma once

#include <string>

namespace annulus::trainer {

/// Catches them: one line on the terminal says which rank, where and at what, then the signal does what it
/// would have done, so that the exit code is the usual one. In builds with a sanitizer that has handlers of
/// its own, does nothing. Main thread, once.
/// @param host, rank  who this is, for that line @throws RuntimeError when the system refuses a handler
void catch_crash_signals(const std::string& host, int rank);

/// Where a crash record can go from now on, and who this is.
struct CrashFiles {
  std::string folder;  ///< crash/ of the run directory
  std::string host;
  int rank = 0;
  int ranks = 1;
};
/// With them the handler leaves rank-N.json, like that of an error, and rank-N.backtrace beside it. Main
/// thread.
void set_crash_files(const CrashFiles& files);
void forget_crash_files() noexcept;

}  // namespace annulus::trainer
