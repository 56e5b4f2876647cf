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

double BatchNormalisation::normalised(const Node& node, std::size_t i) const {
  const std::int64_t c = static_cast<std::int64_t>(i) % channels_;
  return ((*node.inputs[0])[i] - node.saved[c]) * inverse_deviation(node.saved, c);
}

void BatchNormalisation::give(Pass pass, int round, const PassContext& context, const Node& node,
                              std::span<float> own) const {
  const Tensor& x = *node.inputs[0];
  Tensor sums(2 * channels_, 0.0);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t c = i % channels_;
    if (pass == Pass::backward) {
      sums[c] += node.output_gradient[i];
      sums[channels_ + c] += node.output_gradient[i] * normalised(node, i);
    } else {
      const double deviation = round == 0 ? 0 : x[i] - node.saved[c];
      sums[c] += round == 0 ? x[i] : deviation * deviation;
    }
  }
  own[0] = static_cast<float>(context.samples);
  for (std::size_t i = 0; i < sums.size(); ++i) own[kSumHead + i] = static_cast<float>(sums[i]);
}

void BatchNormalisation::take(Pass pass, int round, std::span<const float> total, Node& node) const {
  const double count = static_cast<double>(total[0]) * static_cast<double>(pixels_);
  const std::int64_t first = pass == Pass::backward ? 2 * channels_ : round * channels_;
  const std::int64_t values = pass == Pass::backward ? 2 * channels_ : channels_;
  node.saved.resize(4 * channels_);
  for (std::int64_t i = 0; i < values; ++i)
    node.saved[first + i] = static_cast<double>(total[kSumHead + i]) / count;
}

void BatchNormalisation::forward(const PassContext& pass, Node& node) const {
  const Tensor& x = *node.inputs[0];
  const std::vector<Tensor>& parameters = *node.parameters;
  if (pass.mode == Mode::training) {
    if (!of_step_) node.saved = batch_statistics(x, channels_);  // else the sums have told them
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
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::int64_t c = static_cast<std::int64_t>(i) % channels_;
    dgamma[c] += node.output_gradient[i] * normalised(node, i);
    dbeta[c] += node.output_gradient[i];
  }
  if (!node.input_gradients[0]) return;
  const double count = static_cast<double>(x.size()) / static_cast<double>(channels_);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::int64_t c = static_cast<std::int64_t>(i) % channels_;
    const double mean = of_step_ ? node.saved[2 * channels_ + c] : dbeta[c] / count;
    const double along = of_step_ ? normalised(node, i) * node.saved[3 * channels_ + c]
                                  : normalised(node, i) * dgamma[c] / count;
    const double centred = node.output_gradient[i] - mean - along;
    (*node.input_gradients[0])[i] += gamma[c] * inverse_deviation(node.saved, c) * centred;
  }
}

}  // namespace annulus::trainer::reference
