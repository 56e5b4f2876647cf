// How long a rank may go without a sign of progress, by what it is doing; learned while it works.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <string>

#include "base/vital_signs.hpp"
#include "trainer/model/config.hpp"

namespace annulus::trainer {

/// Steps are judged by the median of the last ones, validations and checkpoints by the longest silence seen;
/// never below what the configuration says, and generously until there is something to go by.
class SilenceLimits {
 public:
  explicit SilenceLimits(const WatchdogConfig& config) : config_(config) {}

  /// A step of this process took so long, other phases within it not counted.
  void learn_step(double seconds);
  /// A phase showed no sign of progress for so long, and then went on.
  void learn_silence(Phase phase, double seconds);

  /// Of a rank's own work. @return seconds
  double of(Phase phase) const;
  /// The configuration's key that widens the limit of a phase: "watchdog.start_seconds".
  std::string key_of(Phase phase) const;

 private:
  bool knows_steps() const;

  WatchdogConfig config_;
  std::deque<double> steps_;  ///< seconds of the last ones
  std::uint64_t seen_ = 0;
  std::array<double, kPhases> longest_{};  ///< silence by phase
};

}  // namespace annulus::trainer
