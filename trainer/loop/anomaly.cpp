// Everything here is a function of what all ranks know alike (config, step, past mean losses), so they need
// not ask each other what to do about a step.
#include "trainer/loop/anomaly.hpp"

#include <algorithm>
#include <limits>
#include <span>
#include <vector>

namespace annulus::trainer {
namespace {

double median(std::span<const double> values) {
  std::vector<double> sorted(values.begin(), values.end());
  const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
  std::nth_element(sorted.begin(), middle, sorted.end());
  if (sorted.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(sorted.begin(), middle)) / 2;
}

}  // namespace

void RecentLosses::add(std::uint64_t step, double loss) {
  if (count == static_cast<int>(values.size())) {
    std::shift_left(values.begin(), values.end(), 1);
    --count;
  }
  values[static_cast<std::size_t>(count++)] = loss;
  last_step = step;
}

double loss_limit(const AnomalyConfig& config, const RecentLosses& losses, std::uint64_t step) {
  // Without the loss of the step just before: on a GPU it is not known yet, and the limit has to be the same
  // on every device.
  const int known = losses.count - (losses.count > 0 && losses.last_step + 1 == step ? 1 : 0);
  if (config.spike_factor == 0 || known < config.spike_window) return std::numeric_limits<double>::infinity();
  const auto window = static_cast<std::size_t>(config.spike_window);
  const auto first = static_cast<std::size_t>(known) - window;
  return config.spike_factor * median(std::span(losses.values).subspan(first, window));
}

/// With rollback_steps = 3 a bad step 10 passes over 8, 9 and 10: what spoils a step often lies before it.
bool passes_over(const AnomalyConfig& config, const AnomalyHistory& history, std::uint64_t step) {
  const auto range = static_cast<std::uint64_t>(config.rollback_steps);
  return std::any_of(history.went_back.begin(), history.went_back.begin() + history.rollbacks,
                     [&](std::uint64_t bad) { return step <= bad && bad - step < range; });
}

}  // namespace annulus::trainer
