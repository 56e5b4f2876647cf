// A double beyond float's range counts as Inf: a float backend would hold Inf there.
#include "trainer/backend/reference/value_check.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.hpp"

namespace annulus::trainer::reference {
namespace {

constexpr const char* kRemedy =
    "Training has diverged or the input is bad. Look at that sample, lower optimizer.learning_rate or set "
    "optimizer.clip_norm.";

std::size_t first_bad(const Tensor& values) {
  const auto bad = [](double value) { return !(std::abs(value) <= std::numeric_limits<float>::max()); };
  return std::find_if(values.begin(), values.end(), bad) - values.begin();
}

}  // namespace

void check_samples(const ValuePlace& place, std::string_view what, const Tensor& values) {
  const std::size_t at = first_bad(values);
  if (at == values.size()) return;
  const std::size_t sample = at / (values.size() / place.numbers.size());
  throw RuntimeError("epoch {}, step {}: {} holds {} (value {} of sample {}). {}", place.epoch, place.step,
                     what, values[at], at % (values.size() / place.numbers.size()), place.numbers[sample],
                     kRemedy);
}

void check_tensor(const ValuePlace& place, std::string_view what, const Tensor& values) {
  const std::size_t at = first_bad(values);
  if (at == values.size()) return;
  throw RuntimeError("epoch {}, step {}: {} holds {} (value {}; the first sample of its shard is {}). {}",
                     place.epoch, place.step, what, values[at], at, place.numbers.front(), kRemedy);
}

}  // namespace annulus::trainer::reference
