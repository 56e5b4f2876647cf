// Two passes for mean and variance: no cancellation to argue about.
#include "trainer/backend/reference/group_normalisation.hpp"

#include <cmath>

namespace annulus::trainer::reference {
namespace {

enum ParameterIndex { kGamma, kBeta };

}  // namespace

template <class Body>
void GroupNormalisation::for_each_value(const PassContext& pass, const Body& body) const {
  for (std::int64_t i = 0; i < pass.samples * input_.size(); ++i) {
    const std::int64_t sample = i / input_.size();
    const std::int64_t channel = i % input_.channels;
    body(i, sample * groups_ + channel / (input_.channels / groups_), channel);
  }
}

void GroupNormalisation::forward(const PassContext& pass, Node& node) const {
  const Tensor& x = *node.inputs[0];
  const std::vector<Tensor>& parameters = *node.parameters;
  const std::int64_t all = pass.samples * groups_;
  const double count = values_of_group();
  Tensor mean(all, 0.0), inverse(all, 0.0);
  for_each_value(pass, [&](auto i, auto group, auto) { mean[group] += x[i] / count; });
  for_each_value(pass, [&](auto i, auto group, auto) {
    inverse[group] += (x[i] - mean[group]) * (x[i] - mean[group]) / count;
  });
  for (double& value : inverse) value = 1.0 / std::sqrt(value + epsilon_);
  for_each_value(pass, [&](auto i, auto group, auto c) {
    node.output[i] = parameters[kGamma][c] * (x[i] - mean[group]) * inverse[group] + parameters[kBeta][c];
  });
  node.saved = std::move(mean);
  node.saved.insert(node.saved.end(), inverse.begin(), inverse.end());
}

// With h = (x - mean) / deviation and g = gamma dy: dx = (g - mean(g) - h mean(g h)) / deviation, the means
// over the group; the chain rule with the gradients of mean and variance inserted.
void GroupNormalisation::backward(const PassContext& pass, Node& node) const {
  const Tensor& x = *node.inputs[0];
  const Tensor& dy = node.output_gradient;
  const Tensor& gamma = (*node.parameters)[kGamma];
  const std::int64_t all = pass.samples * groups_;
  const double count = values_of_group();
  const auto normalised = [&](auto i, auto group) {
    return (x[i] - node.saved[group]) * node.saved[all + group];
  };
  Tensor mean(all, 0.0), product_mean(all, 0.0);
  for_each_value(pass, [&](auto i, auto group, auto c) {
    node.parameter_gradients[kGamma][c] += dy[i] * normalised(i, group);
    node.parameter_gradients[kBeta][c] += dy[i];
    mean[group] += gamma[c] * dy[i] / count;
    product_mean[group] += gamma[c] * dy[i] * normalised(i, group) / count;
  });
  if (!node.input_gradients[0]) return;
  for_each_value(pass, [&](auto i, auto group, auto c) {
    const double centred = gamma[c] * dy[i] - mean[group] - normalised(i, group) * product_mean[group];
    (*node.input_gradients[0])[i] += node.saved[all + group] * centred;
  });
}

}  // namespace annulus::trainer::reference
