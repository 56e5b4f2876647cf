// One function an activation and direction, elementwise except for softmax.
#include "trainer/backend/reference/activation.hpp"

#include <algorithm>
#include <cmath>
#include <span>

namespace annulus::trainer::reference {
namespace {

// The largest value is subtracted first, so that no exponential overflows.
void softmax(std::span<double> row) {
  const double largest = *std::max_element(row.begin(), row.end());
  double sum = 0;
  for (double& value : row) sum += value = std::exp(value - largest);
  for (double& value : row) value /= sum;
}

// dx_i = y_i (dy_i - sum_j dy_j y_j).
void softmax_derivative(std::span<const double> output, std::span<double> gradient) {
  double projection = 0;
  for (std::size_t j = 0; j < output.size(); ++j) projection += gradient[j] * output[j];
  for (std::size_t i = 0; i < output.size(); ++i) gradient[i] = output[i] * (gradient[i] - projection);
}

double activated(Activation kind, double x) {
  switch (kind) {
    case Activation::relu:
      return x < 0 ? 0 : x;  // NaN stays NaN
    case Activation::sigmoid:
      return 1 / (1 + std::exp(-x));
    case Activation::tanh:
      return std::tanh(x);
    default:
      return x;
  }
}

double derivative(Activation kind, double y) {
  switch (kind) {
    case Activation::relu:
      return y > 0 ? 1 : 0;
    case Activation::sigmoid:
      return y * (1 - y);
    case Activation::tanh:
      return 1 - y * y;
    default:
      return 1;
  }
}

}  // namespace

void activate(Activation kind, std::int64_t channels, Tensor& values) {
  if (kind != Activation::softmax) {
    for (double& value : values) value = activated(kind, value);
    return;
  }
  for (std::size_t row = 0; row < values.size(); row += channels)
    softmax(std::span(values).subspan(row, channels));
}

void multiply_derivative(Activation kind, std::int64_t channels, const Tensor& output, Tensor& gradient) {
  if (kind != Activation::softmax) {
    for (std::size_t i = 0; i < output.size(); ++i) gradient[i] *= derivative(kind, output[i]);
    return;
  }
  for (std::size_t row = 0; row < output.size(); row += channels)
    softmax_derivative(std::span(output).subspan(row, channels), std::span(gradient).subspan(row, channels));
}

void ActivationLayer::forward(const Pass&, Node& node) const {
  node.output = *node.inputs[0];
  activate(kind_, channels_, node.output);
}

void ActivationLayer::backward(const Pass&, Node& node) const {
  if (!node.input_gradients[0]) return;
  Tensor gradient = node.output_gradient;
  multiply_derivative(kind_, channels_, node.output, gradient);
  for (std::size_t i = 0; i < gradient.size(); ++i) (*node.input_gradients[0])[i] += gradient[i];
}

}  // namespace annulus::trainer::reference
