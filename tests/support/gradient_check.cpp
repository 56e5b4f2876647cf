// Five-point differences: (8 (f(h) - f(-h)) - (f(2h) - f(-2h))) / 12 h.
#include "tests/support/gradient_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace annulus::test {
namespace {

class Differences {
 public:
  Differences(trainer::Replica& replica, ParameterValues& parameters, const Samples& samples)
      : replica_(replica), parameters_(parameters), samples_(samples) {}

  /// Slope of the loss along one element, over the distances really taken after rounding to float.
  double slope(float& element, double h) {
    const double middle = element;
    const double near = (loss_at(element, middle + h) - loss_at(element, middle - h)) / distance(middle, h);
    const double far =
        (loss_at(element, middle + 2 * h) - loss_at(element, middle - 2 * h)) / distance(middle, 2 * h);
    element = static_cast<float>(middle);
    return (4 * near - far) / 3;
  }

 private:
  static double distance(double middle, double h) {
    return static_cast<double>(static_cast<float>(middle + h)) - static_cast<float>(middle - h);
  }
  double loss_at(float& element, double value) {
    element = static_cast<float>(value);
    set_parameters(replica_, parameters_);
    return run_shard(replica_, samples_).loss;
  }

  trainer::Replica& replica_;
  ParameterValues& parameters_;
  const Samples& samples_;
};

struct Tally {
  int checked = 0;
  int kinks = 0;
  std::string failures;
};

}  // namespace

testing::AssertionResult gradients_match_differences(trainer::Replica& replica, ParameterValues parameters,
                                                     const Samples& samples,
                                                     const GradientCheckOptions& options) {
  set_parameters(replica, parameters);
  const ParameterValues gradients = run_shard(replica, samples).gradients;
  Differences differences(replica, parameters, samples);
  Tally tally;
  const auto check = [&](const trainer::Segment& segment, std::size_t index) {
    const double expected = gradients[segment.layer][segment.parameter][index];
    const double allowed = options.relative * std::abs(expected) + options.absolute;
    float& element = parameters[segment.layer][segment.parameter][index];
    const double slope = differences.slope(element, options.step / 2);
    ++tally.checked;
    if (std::abs(slope - expected) <= allowed) return;
    if (std::abs(slope - differences.slope(element, options.step / 4)) > options.absolute) {
      ++tally.kinks;
      return;
    }
    const trainer::Layer& layer = replica.network().layers[segment.layer];
    tally.failures += fmt::format("\n{}/{}[{}]: reported {}, measured {}", layer.name,
                                  layer.parameters[segment.parameter].name, index, expected, slope);
  };
  for (const trainer::Segment& segment : replica.layout().trainable) {
    const std::size_t count = gradients[segment.layer][segment.parameter].size();
    const std::size_t tried = std::min<std::size_t>(count, options.elements);
    for (std::size_t i = 0; i < tried; ++i) check(segment, i * count / tried);
  }
  if (tally.kinks > (1 - options.smooth_share) * tally.checked)
    return testing::AssertionFailure()
           << fmt::format("{} of {} elements lie at a kink: choose other data", tally.kinks, tally.checked);
  if (!tally.failures.empty()) return testing::AssertionFailure() << tally.failures;
  return testing::AssertionSuccess();
}

}  // namespace annulus::test
