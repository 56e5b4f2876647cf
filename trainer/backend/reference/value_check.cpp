// A double beyond float's range counts as Inf: a float backend would hold Inf there.
#include "trainer/backend/reference/value_check.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.hpp"

namespace annulus::trainer::reference {
namespace {

constexpr const char* kRemedy =
    "Training has diverged or the input is bad. Look at that sample, lower optimizer.learning_rate or set optimizer.clip_norm.";

bool is_bad(double value) { return !(std::abs(value) <= std::numeric_limits<float>::max()); }

std::size_t first_bad(const Tensor& values) {
  return static_cast<std::size_t>(std::find_if(values.begin(), values.end(), is_bad) - values.begin());
}

}  // namespace

void check_samples(const ValuePlace& place, const Checked& checked, const Tensor& values) {
  const std::size_t at = first_bad(values);
  if (at == values.size()) return;
  const std::size_t row = values.size() / place.numbers.size();
  BadValue found = checked.in;
  found.value = static_cast<float>(values[at]);
  add_samples(found, std::span<const double>(values), place.numbers, is_bad);
  throw BadValueError(
      found, fmt::format("epoch {}, step {}: {} holds {} (value {} of sample {}). {}", place.epoch,
                         place.step, checked.what, values[at], at % row, place.numbers[at / row], kRemedy));
}

void check_tensor(const ValuePlace& place, const Checked& checked, const Tensor& values) {
  const std::size_t at = first_bad(values);
  if (at == values.size()) return;
  BadValue found = checked.in;
  found.value = static_cast<float>(values[at]);
  throw BadValueError(
      found,
      fmt::format("epoch {}, step {}: {} holds {} (value {}; the first sample of its shard is {}). {}",
                  place.epoch, place.step, checked.what, values[at], at, place.numbers.front(), kRemedy));
}

}  // namespace annulus::trainer::reference
