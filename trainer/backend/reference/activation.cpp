// One function per activation and direction, all of one value.
#include "trainer/backend/reference/activation.hpp"

#include <cmath>

#include "base/error.hpp"

namespace annulus::trainer::reference {
namespace {

double activated(Activation kind, double x) {
  switch (kind) {
    case Activation::relu:
      return x < 0 ? 0 : x;  // NaN stays NaN
    case Activation::sigmoid:
      return 1 / (1 + std::exp(-x));
    case Activation::tanh:
      return std::tanh(x);
    case Activation::none:
    case Activation::softmax:
      break;
  }
  return x;
}

double derivative(Activation kind, double y) {
  switch (kind) {
    case Activation::relu:
      return y > 0 ? 1 : 0;
    case Activation::sigmoid:
      return y * (1 - y);
    case Activation::tanh:
      return 1 - y * y;
    case Activation::none:
    case Activation::softmax:
      break;
  }
  return 1;
}

void expect_elementwise(Activation kind) {
  expect_contract(kind != Activation::softmax, "softmax ends a network and is computed with its loss");
}

}  // namespace

void activate(Activation kind, Tensor& values) {
  expect_elementwise(kind);
  for (double& value : values) value = activated(kind, value);
}

void multiply_derivative(Activation kind, const Tensor& output, Tensor& gradient) {
  expect_elementwise(kind);
  for (std::size_t i = 0; i < output.size(); ++i) gradient[i] *= derivative(kind, output[i]);
}

void ActivationLayer::forward(const PassContext&, Node& node) const {
  node.output = *node.inputs[0];
  activate(kind_, node.output);
}

void ActivationLayer::backward(const PassContext&, Node& node) const {
  if (!node.input_gradients[0]) return;
  Tensor gradient = node.output_gradient;
  multiply_derivative(kind_, node.output, gradient);
  for (std::size_t i = 0; i < gradient.size(); ++i) (*node.input_gradients[0])[i] += gradient[i];
}

}  // namespace annulus::trainer::reference
