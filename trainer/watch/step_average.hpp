// How long the steps of a rank take by themselves, as its heartbeats say it.
#pragma once

#include <cstddef>
#include <deque>

#include "base/vital_signs.hpp"

namespace annulus::trainer {

/// Own seconds of a step, over the last heartbeats: a rank that has become slow is to be seen soon.
class StepAverage {
 public:
  static constexpr std::size_t kBeats = 20;

  /// @param figures  as they are at a heartbeat
  /// @return seconds of a step since the first of the last kBeats heartbeats; 0 when there was none
  double add(const VitalFigures& figures) {
    seen_.push_back(figures);
    if (seen_.size() > kBeats) seen_.pop_front();
    const std::uint64_t steps = figures.steps_done - seen_.front().steps_done;
    if (steps == 0) return 0;
    return (figures.own_seconds - seen_.front().own_seconds) / static_cast<double>(steps);
  }

 private:
  std::deque<VitalFigures> seen_;
};

}  // namespace annulus::trainer
