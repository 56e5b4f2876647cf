// Two passes for mean and variance: no cancellation to argue about.
#include "trainer/backend/reference/batch_normalisation.hpp"

#include <cmath>

namespace annulus::trainer::reference {
namespace {

enum ParameterIndex { kGamma, kBeta, kMovingMean, kMovingVariance };

// Means, then biased variances, of each channel.
Tensor batch_statistics(const Tensor& x, std::int64_t channels) {
  Tensor statistics(2 * channels, 0.0);
  const double count = static_cast<double>(x.size()) / static_cast<double>(channels);
  for (std::size_t i = 0; i < x.size(); ++i) statistics[i % channels] += x[i] / count;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double deviation = x[i] - statistics[i % channels];
    statistics[channels + i % channels] += deviation * deviation / count;
  }
  return statistics;
}

}  // namespace

double BatchNormalisation::inverse_deviation(const Tensor& statistics, std::int64_t channel) const {
  return 1.0 / std::sqrt(statistics[channels_ + channel] + epsilon_);
}

void BatchNormalisation::forward(const PassContext& pass, Node& node) const {
  const Tensor& x = *node.inputs[0];
  const std::vector<Tensor>& parameters = *node.parameters;
  if (pass.mode == Mode::training) {
    node.saved = batch_statistics(x, channels_);
  } else {
    node.saved = parameters[kMovingMean];
    node.saved.insert(node.saved.end(), parameters[kMovingVariance].begin(),
                      parameters[kMovingVariance].end());
  }
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::int64_t c = static_cast<std::int64_t>(i) % channels_;
    node.output[i] = parameters[kGamma][c] * (x[i] - node.saved[c]) * inverse_deviation(node.saved, c) +
                     parameters[kBeta][c];
  }
}

// With h = (x - mean) / deviation over m values: dx = gamma / deviation * (dy - mean(dy) - h mean(dy h)), the
// chain rule of Ioffe & Szegedy 2015, section 3, with dmean and dvariance inserted.
void BatchNormalisation::backward(const PassContext&, Node& node) const {
  const Tensor& x = *node.inputs[0];
  const Tensor& gamma = (*node.parameters)[kGamma];
  Tensor& dgamma = node.parameter_gradients[kGamma];
  Tensor& dbeta = node.parameter_gradients[kBeta];
  const auto normalised = [&](std::size_t i, std::int64_t c) {
    return (x[i] - node.saved[c]) * inverse_deviation(node.saved, c);
  };
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::int64_t c = static_cast<std::int64_t>(i) % channels_;
    dgamma[c] += node.output_gradient[i] * normalised(i, c);
    dbeta[c] += node.output_gradient[i];
  }
  if (!node.input_gradients[0]) return;
  const double count = static_cast<double>(x.size()) / static_cast<double>(channels_);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::int64_t c = static_cast<std::int64_t>(i) % channels_;
    const double centred = node.output_gradient[i] - dbeta[c] / count - normalised(i, c) * dgamma[c] / count;
    (*node.input_gradients[0])[i] += gamma[c] * inverse_deviation(node.saved, c) * centred;
  }
}

}  // namespace annulus::trainer::reference
