// Differences are measured in double whatever the tensors hold.
#include "tests/support/tensor_matchers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace annulus::test {
namespace {

struct Difference {
  double norm = 0;
  double expected_norm = 0;
  double largest = 0;
  double expected_largest = 0;
  std::size_t worst = 0;
};

Difference measure(std::span<const double> actual, std::span<const double> expected) {
  Difference difference;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    const double apart = std::abs(actual[i] - expected[i]);
    difference.norm += apart * apart;
    difference.expected_norm += expected[i] * expected[i];
    difference.expected_largest = std::max(difference.expected_largest, std::abs(expected[i]));
    if (apart <= difference.largest) continue;  // false for NaN, which becomes the worst
    if (std::isnan(difference.largest)) continue;
    difference.largest = apart;
    difference.worst = i;
  }
  difference.norm = std::sqrt(difference.norm);
  difference.expected_norm = std::sqrt(difference.expected_norm);
  return difference;
}

std::vector<double> widened(std::span<const float> values) { return {values.begin(), values.end()}; }

}  // namespace

testing::AssertionResult tensors_near(std::span<const double> actual, std::span<const double> expected,
                                      const Tolerance& tolerance) {
  if (actual.size() != expected.size())
    return testing::AssertionFailure()
           << fmt::format("{} values instead of {}", actual.size(), expected.size());
  const Difference difference = measure(actual, expected);
  const double max = tolerance.max > 0 ? tolerance.max : 10 * tolerance.norm;
  if (difference.norm <= tolerance.norm * difference.expected_norm + tolerance.absolute &&
      difference.largest <= max * difference.expected_largest + tolerance.absolute)
    return testing::AssertionSuccess();
  return testing::AssertionFailure() << fmt::format(
             "relative difference {:.3g} by norm (allowed {:.3g}), {:.3g} by maximum (allowed {:.3g}); worst at index {} of {}: {} instead of {}",
             difference.norm / difference.expected_norm, tolerance.norm,
             difference.largest / difference.expected_largest, max, difference.worst, actual.size(),
             actual[difference.worst], expected[difference.worst]);
}

testing::AssertionResult tensors_near(std::span<const float> actual, std::span<const float> expected,
                                      const Tolerance& tolerance) {
  return tensors_near(widened(actual), widened(expected), tolerance);
}

double relative_error(std::span<const float> actual, std::span<const float> expected) {
  const Difference difference = measure(widened(actual), widened(expected));
  return difference.norm == 0 ? 0 : difference.norm / difference.expected_norm;
}

}  // namespace annulus::test
