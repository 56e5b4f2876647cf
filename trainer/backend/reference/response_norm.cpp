// The window is symmetric, so "j is a neighbour of i" reads both ways in backward.
#include "trainer/backend/reference/response_norm.hpp"

#include <algorithm>
#include <cmath>

namespace annulus::trainer::reference {

template <class Body>
void ResponseNorm::for_each_neighbour(std::size_t i, const Body& body) const {
  const auto channel = static_cast<std::int64_t>(i) % channels_;
  const auto pixel = static_cast<std::int64_t>(i) - channel;
  const std::int64_t reach = norm_.size / 2;
  const std::int64_t first = std::max<std::int64_t>(channel - reach, 0);
  const std::int64_t last = std::min(channel + reach, channels_ - 1);
  for (std::int64_t j = pixel + first; j <= pixel + last; ++j) body(static_cast<std::size_t>(j));
}

void ResponseNorm::forward(const PassContext&, Node& node) const {
  const Tensor& x = *node.inputs[0];
  node.saved.assign(x.size(), norm_.k);
  for (std::size_t i = 0; i < x.size(); ++i) {
    for_each_neighbour(i, [&](std::size_t j) { node.saved[i] += norm_.alpha * x[j] * x[j]; });
    node.output[i] = x[i] * std::pow(node.saved[i], -norm_.beta);
  }
}

// dy_j / dx_i = [i = j] s_j^-beta - 2 alpha beta x_i x_j s_j^(-beta - 1) for neighbours i and j.
void ResponseNorm::backward(const PassContext&, Node& node) const {
  if (!node.input_gradients[0]) return;
  const Tensor& x = *node.inputs[0];
  const Tensor& s = node.saved;
  const Tensor& dy = node.output_gradient;
  const double alpha = norm_.alpha, beta = norm_.beta;
  for (std::size_t i = 0; i < x.size(); ++i) {
    double dx = dy[i] * std::pow(s[i], -beta);
    for_each_neighbour(
        i, [&](std::size_t j) { dx -= 2 * alpha * beta * x[i] * x[j] * dy[j] * std::pow(s[j], -beta - 1); });
    (*node.input_gradients[0])[i] += dx;
  }
}

}  // namespace annulus::trainer::reference
