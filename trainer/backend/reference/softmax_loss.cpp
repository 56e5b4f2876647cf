// log softmax is taken directly, so that a probability that rounds to zero has a finite loss.
#include "trainer/backend/reference/softmax_loss.hpp"

#include <algorithm>
#include <cmath>

#include "trainer/model/top_k.hpp"

namespace annulus::trainer::reference {
namespace {

// log of the sum of exponentials of a row, safe from overflow.
double log_sum(std::span<const double> row) {
  const double largest = *std::max_element(row.begin(), row.end());
  double sum = 0;
  for (const double value : row) sum += std::exp(value - largest);
  return largest + std::log(sum);
}

}  // namespace

LossResult softmax_loss(const Tensor& logits, std::span<const std::int32_t> labels,
                        const LossOptions& options) {
  const std::size_t classes = logits.size() / labels.size();
  const double smoothing = options.label_smoothing;
  LossResult result;
  result.gradient.resize(logits.size());
  for (std::size_t sample = 0; sample < labels.size(); ++sample) {
    const auto row = std::span(logits).subspan(sample * classes, classes);
    const auto label = static_cast<std::size_t>(labels[sample]);
    const double weight = options.class_weights.empty() ? 1.0 : options.class_weights[label];
    const double log_total = log_sum(row);
    for (std::size_t k = 0; k < classes; ++k) {
      const double target = (k == label ? 1 - smoothing : 0) + smoothing / static_cast<double>(classes);
      const double log_probability = row[k] - log_total;
      result.sum -= weight * target * log_probability;
      result.gradient[sample * classes + k] = weight * (std::exp(log_probability) - target);
    }
    const auto winner = std::max_element(row.begin(), row.end()) - row.begin();
    if (static_cast<std::size_t>(winner) == label) ++result.correct;
    if (options.top_k > 0 && place_of(row, label) < options.top_k) ++result.top;
  }
  return result;
}

// The largest value is subtracted first, so that no exponential overflows.
void softmax(std::int64_t classes, Tensor& logits) {
  for (std::size_t begin = 0; begin < logits.size(); begin += static_cast<std::size_t>(classes)) {
    const std::span<double> row = std::span(logits).subspan(begin, static_cast<std::size_t>(classes));
    const double largest = *std::max_element(row.begin(), row.end());
    double sum = 0;
    for (double& value : row) sum += value = std::exp(value - largest);
    for (double& value : row) value /= sum;
  }
}

}  // namespace annulus::trainer::reference
