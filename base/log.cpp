// Log sinks: the terminal (stderr) and one file per rank, through spdlog.
#include "base/log.hpp"

#include <fcntl.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <mutex>
#include <utility>

#include "base/error.hpp"
#include "base/file_kind.hpp"
#include "base/printable.hpp"
#include "base/quiet_log.hpp"

namespace annulus {
namespace {

struct LogState {
  std::mutex mutex;
  int rank = 0;
  int ranks = 1;
  std::shared_ptr<spdlog::logger> file;
  bool complained = false;  ///< that the file cannot be written
  void (*before)() = nullptr;
  void (*after)() = nullptr;
  TerminalLog terminal = TerminalLog::on;
};

LogState& state() {
  static LogState instance;
  return instance;
}

spdlog::level::level_enum spdlog_level(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warning:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

void write_terminal(const LogState& log, LogLevel level, const std::string& message) {
  if (log.terminal == TerminalLog::off) return;
  const bool loud = level == LogLevel::warning || level == LogLevel::error;
  if (!loud && (level == LogLevel::debug || log.rank != 0)) return;
  std::string line;
  if (loud) line = level == LogLevel::warning ? "warning: " : "error: ";
  if (loud && log.ranks > 1) line = fmt::format("[rank {}] {}", log.rank, line);
  line += message + "\n";
  if (log.before) log.before();
  std::fwrite(line.data(), 1, line.size(), stderr);  // one write: lines of several ranks do not mix
  if (log.after) log.after();
}

/// spdlog would write lines of its own, one a second. The disk is full: one is enough, and it has no lock to
/// wait for, as this is called with that of the log.
void complain_once(const std::string& file, const std::string& reason) {
  LogState& log = state();
  if (std::exchange(log.complained, true)) return;
  write_terminal(
      log, LogLevel::warning,
      fmt::format(
          "the log file {} cannot be written any more ({}): what follows is missing there. Is the disk full?",
          file, printable(reason)));
}

std::shared_ptr<spdlog::logger> open_log_file(const std::string& file) {
  require_writable_kind(file);
  try {
    auto logger =
        std::make_shared<spdlog::logger>("rank", std::make_shared<spdlog::sinks::basic_file_sink_mt>(file));
    logger->set_level(spdlog::level::debug);
    logger->set_pattern("%Y-%m-%d %H:%M:%S.%e %l %v");
    logger->flush_on(spdlog::level::info);
    logger->set_error_handler([file](const std::string& reason) { complain_once(file, reason); });
    return logger;
  } catch (const spdlog::spdlog_ex& error) {
    throw RuntimeError(
        "The log file {} cannot be written ({}), so nobody could see afterwards what this rank did. Check that its folder may be written and the disk is not full, or give another run directory with --run.",
        file, error.what());
  }
}

}  // namespace

void configure_log(int rank, int ranks, const std::string& file) {
  LogState& log = state();
  const std::lock_guard lock(log.mutex);
  log.rank = rank;
  log.ranks = ranks;
  log.complained = false;
  log.file = file.empty() ? nullptr : open_log_file(file);
}

void log_message(LogLevel level, const std::string& text) {
  const std::string message = printable(text);  // whoever wrote it, and whoever looks into the file later
  LogState& log = state();
  const std::lock_guard lock(log.mutex);
  if (log.file) log.file->log(spdlog_level(level), message);
  write_terminal(log, level, message);
}

void open_standard_streams() noexcept {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (fcntl(stream, F_GETFD) < 0)  // opening takes the lowest free number
      static_cast<void>(open("/dev/null", stream == STDERR_FILENO ? O_WRONLY : O_RDONLY));
}

void set_terminal_log(TerminalLog wanted) {
  LogState& log = state();
  const std::lock_guard lock(log.mutex);
  log.terminal = wanted;
}

void set_terminal_hooks(void (*before)(), void (*after)()) {
  LogState& log = state();
  const std::lock_guard lock(log.mutex);
  log.before = before;
  log.after = after;
}

}  // namespace annulus
