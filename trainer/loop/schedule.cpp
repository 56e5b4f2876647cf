// See schedule.hpp. All positions are doubles in units of steps: warm-up and epochs may be fractions.
#include "trainer/loop/schedule.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.hpp"

namespace annulus::trainer {
namespace {

/// Half a cosine: `from` at position 0, `to` at position 1.
double half_cosine(double from, double to, double position) {
  const double clamped = std::clamp(position, 0.0, 1.0);
  return to + (from - to) * 0.5 * (1.0 + std::cos(std::numbers::pi * clamped));
}

/// @param done   steps since the end of warm-up   @param length  steps from there to the end of the run
double one_cycle(const ScheduleConfig& schedule, double done, double length) {
  const double top = std::max(schedule.peak * length - 1.0, 0.0);
  const double last = std::max(length - 1.0, top);
  if (done < top) return half_cosine(schedule.start_fraction, 1.0, done / top);
  if (last <= top) return schedule.final_fraction;
  return half_cosine(1.0, schedule.final_fraction, (done - top) / (last - top));
}

/// The schedule without warm-up, as a factor of the base rate.
double factor(const ScheduleConfig& schedule, double epoch, double done, double length) {
  switch (schedule.kind) {
    case ScheduleKind::constant:
      return 1.0;
    case ScheduleKind::step:
      return std::pow(schedule.gamma, std::floor(epoch / schedule.step_epochs));
    case ScheduleKind::cosine:
      return half_cosine(1.0, schedule.final_fraction, length > 0 ? done / length : 1.0);
    case ScheduleKind::one_cycle:
      return one_cycle(schedule, done, length);
  }
  return 1.0;
}

}  // namespace

double learning_rate(const ScheduleConfig& schedule, double base, double total_epochs, std::uint64_t step,
                     std::uint64_t steps_per_epoch) {
  expect_contract(steps_per_epoch > 0, "an epoch has at least one step");
  const double per_epoch = static_cast<double>(steps_per_epoch);
  const double position = static_cast<double>(step);
  const double warmup = std::max(schedule.warmup_epochs, 0.0) * per_epoch;
  const double length = std::max(total_epochs * per_epoch - warmup, 0.0);
  if (position < warmup) {
    const double ramp = std::min((position + 1.0) / warmup, 1.0);
    return base * ramp * factor(schedule, 0.0, 0.0, length);
  }
  return base * factor(schedule, position / per_epoch, position - warmup, length);
}

}  // namespace annulus::trainer
