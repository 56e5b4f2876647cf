// Errors that a person reads: every one says what is wrong, why it matters and what to try, and carries the
// exit code with which the program ends. Library calls have their own checks in the room that sees the
// library.
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace annulus {

/// Exit codes of the program, part of its interface (job scripts act on them).
enum class ExitCode : int {
  done = 0,
  failure = 1,    ///< anything not listed below
  usage = 2,      ///< wrong command line or configuration
  data = 65,      ///< a dataset, archive or checkpoint is bad
  watchdog = 70,  ///< a wait took longer than its limit
  peer = 71,      ///< another rank failed
  stopped = 75,   ///< stopped on request with a complete checkpoint: start me again
};

/// Base of all errors the program reports; only `main` catches it.
class Error : public std::runtime_error {
 public:
  Error(ExitCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ExitCode code() const noexcept { return code_; }

 private:
  ExitCode code_;
};

/// Wrong command line or configuration: the user can mend it without touching data.
class UsageError : public Error {
 public:
  template <class... Args>
  explicit UsageError(fmt::format_string<Args...> format, Args&&... args)
      : Error(ExitCode::usage, fmt::format(format, std::forward<Args>(args)...)) {}
};

/// A file that was read is damaged, incomplete or not what it should be.
class DataError : public Error {
 public:
  template <class... Args>
  explicit DataError(fmt::format_string<Args...> format, Args&&... args)
      : Error(ExitCode::data, fmt::format(format, std::forward<Args>(args)...)) {}
};

/// Everything else: a full disk, a library call that failed, a broken contract.
class RuntimeError : public Error {
 public:
  template <class... Args>
  explicit RuntimeError(fmt::format_string<Args...> format, Args&&... args)
      : Error(ExitCode::failure, fmt::format(format, std::forward<Args>(args)...)) {}
};

/// Another rank failed or stopped answering.
class PeerError : public Error {
 public:
  template <class... Args>
  explicit PeerError(fmt::format_string<Args...> format, Args&&... args)
      : Error(ExitCode::peer, fmt::format(format, std::forward<Args>(args)...)) {}
};

/// Contract of the programmer, not of the user: throws std::logic_error naming the broken rule. Always on, so
/// keep it out of element loops.
void expect_contract(bool holds, const char* rule);

}  // namespace annulus
