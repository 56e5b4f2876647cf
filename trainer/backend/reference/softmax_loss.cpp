// log softmax is taken directly, so that a probability that rounds to zero has a finite loss.
#include "trainer/backend/reference/softmax_loss.hpp"

#include <algorithm>
#include <cmath>

#include "trainer/backend/contract/loss_targets.hpp"
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

struct Logits {
  std::span<const double> row;
  double log_total;
};

// Adds the loss of one target, and its gradient.
void add_loss(const Logits& logits, const LossTarget<double>& target, double smoothing, double& loss,
              std::span<double> gradient) {
  const std::span<const double> row = logits.row;
  for (std::size_t k = 0; k < row.size(); ++k) {
    const double hot = static_cast<std::int32_t>(k) == target.label ? 1 - smoothing : 0;
    const double wanted = hot + smoothing / static_cast<double>(row.size());
    const double log_probability = row[k] - logits.log_total;
    loss -= target.factor * wanted * log_probability;
    gradient[k] += target.factor * (std::exp(log_probability) - wanted);
  }
}

}  // namespace

LossResult softmax_loss(const Tensor& logits, const LabelledSamples& samples, const LossOptions& options) {
  const std::size_t n = samples.labels.size(), classes = logits.size() / n;
  const auto targets =
      loss_targets<double>(samples.labels, options.class_weights, samples.weights, samples.shares, classes);
  LossResult result;
  result.gradient.assign(logits.size(), -0.0);  // which leaves what is added to it as it is
  for (std::size_t i = 0; i < n; ++i) {
    const auto row = std::span(logits).subspan(i * classes, classes);
    const auto gradient = std::span(result.gradient).subspan(i * classes, classes);
    const auto sample = static_cast<std::int64_t>(i);
    const Logits own{row, log_sum(row)};
    add_loss(own, targets.own(sample), options.label_smoothing, result.sum, gradient);
    if (targets.mixed()) add_loss(own, targets.other(sample), options.label_smoothing, result.sum, gradient);
    const auto label = static_cast<std::size_t>(targets.counted(sample));
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
