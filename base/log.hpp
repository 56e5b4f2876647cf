// The program's voice. Rank 0 tells the terminal what happens; every rank's warnings and errors reach it with
// the rank in front; each rank keeps a full file of its own in the run directory.
#pragma once

#include <fmt/format.h>

#include <string>
#include <utility>

namespace annulus {

enum class LogLevel { debug, info, warning, error };

/// Opens /dev/null for each of the three standard streams that the process was started without. The files
/// opened next would take their numbers, and messages would end up in them. What is written to a standard
/// output that was closed still fails (EBADF): finish_standard_output() says so.
void open_standard_streams() noexcept;

/// Says who is speaking. Called once the rank is known, and again when the run directory exists.
/// @param file  path of this rank's log file (its folder is made when missing), or empty for none.
/// @throws RuntimeError when the file cannot be written
void configure_log(int rank, int ranks, const std::string& file = {});

/// Writes one message: info to the terminal from rank 0 only, warnings and errors from every rank; everything
/// to the rank's file. Both get it printable (base/printable.hpp). Thread-safe.
void log_message(LogLevel level, const std::string& text);

/// Called before and after a message reaches the terminal, so that a progress bar can get out of the way.
void set_terminal_hooks(void (*before)(), void (*after)());

template <class... Args>
void log_debug(fmt::format_string<Args...> format, Args&&... args) {
  log_message(LogLevel::debug, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
  log_message(LogLevel::info, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_warning(fmt::format_string<Args...> format, Args&&... args) {
  log_message(LogLevel::warning, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_error(fmt::format_string<Args...> format, Args&&... args) {
  log_message(LogLevel::error, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace annulus
