// See progress_line.hpp.
#include "trainer/commands/progress_line.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "base/printable.hpp"

namespace annulus::trainer {

void ProgressLine::show(std::uint64_t done, std::uint64_t total, const std::string& what) {
  if (isatty(STDERR_FILENO) == 0) return;
  const auto now = std::chrono::steady_clock::now();
  if (now - drawn_ < std::chrono::milliseconds(100) && done != total) return;
  drawn_ = now;
  const std::string line = total == 0 ? fmt::format("{} {}", what, done)
                                      : fmt::format("{} {}/{} ({} %)", what, done, total, 100 * done / total);
  fmt::print(stderr, "\r{:<78}\r{}", "", printable(line));
  std::fflush(stderr);
  dirty_ = true;
}

void ProgressLine::finish() {
  if (dirty_) fmt::print(stderr, "\r{:<78}\r", "");
}

}  // namespace annulus::trainer
