// What is usual is learned; what is too long is a multiple of it, but never less than the configuration says.
#include "trainer/watch/silence_limits.hpp"

#include <algorithm>
#include <vector>

namespace annulus::trainer {
namespace {

/// The first steps set up what later ones keep (memory, kernels, CUDA graphs), so they tell nothing.
constexpr std::uint64_t kStepsBeforeKnown = 3;
constexpr std::size_t kStepsKept = 64;

bool belongs_to_start(Phase phase) { return phase <= Phase::restoring; }
bool belongs_to_step(Phase phase) { return phase >= Phase::waiting_for_data && phase <= Phase::control; }

double median(const std::deque<double>& values) {
  std::vector<double> sorted(values.begin(), values.end());
  const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
  std::nth_element(sorted.begin(), middle, sorted.end());
  return *middle;
}

}  // namespace

void SilenceLimits::learn_step(double seconds) {
  if (++seen_ <= kStepsBeforeKnown) return;
  steps_.push_back(seconds);
  if (steps_.size() > kStepsKept) steps_.pop_front();
}

void SilenceLimits::learn_silence(Phase phase, double seconds) {
  double& longest = longest_[static_cast<std::size_t>(phase)];
  longest = std::max(longest, seconds);
}

bool SilenceLimits::knows_steps() const { return !steps_.empty(); }

double SilenceLimits::of(Phase phase) const {
  if (belongs_to_start(phase)) return config_.start_seconds;
  if (!belongs_to_step(phase))
    return std::max(config_.save_seconds, config_.factor * longest_[static_cast<std::size_t>(phase)]);
  if (!knows_steps()) return std::max(config_.start_seconds, config_.least_seconds);
  return std::max(config_.least_seconds, config_.factor * median(steps_));
}

std::string SilenceLimits::key_of(Phase phase) const {
  if (belongs_to_start(phase) || (belongs_to_step(phase) && !knows_steps())) return "watchdog.start_seconds";
  return belongs_to_step(phase) ? "watchdog.least_seconds" : "watchdog.save_seconds";
}

}  // namespace annulus::trainer
