// How far a long work on files has come.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace annulus::trainer {

/// A line that is redrawn on a terminal; nothing when piped.
class ProgressLine {
 public:
  /// @param total  0 = unknown
  void show(std::uint64_t done, std::uint64_t total, const std::string& what);
  /// Clears it.
  void finish();

 private:
  std::chrono::steady_clock::time_point drawn_{};
  bool dirty_ = false;
};

}  // namespace annulus::trainer
