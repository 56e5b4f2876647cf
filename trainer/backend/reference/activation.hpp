// Activations: as a layer of their own, and inside conv2d and dense.
#pragma once

#include "trainer/backend/reference/kernel.hpp"

namespace annulus::trainer::reference {

/// Replaces values by their activation; softmax runs over each run of `channels` values.
void activate(Activation kind, std::int64_t channels, Tensor& values);

/// Multiplies the gradient of an activation's output with the activation's derivative, which is known from
/// the output alone. relu: 0 where the output is 0.
void multiply_derivative(Activation kind, std::int64_t channels, const Tensor& output, Tensor& gradient);

class ActivationLayer final : public Kernel {
 public:
  ActivationLayer(Activation kind, std::int64_t channels) : kind_(kind), channels_(channels) {}
  void forward(const Pass& pass, Node& node) const override;
  void backward(const Pass& pass, Node& node) const override;

 private:
  Activation kind_;
  std::int64_t channels_;
};

}  // namespace annulus::trainer::reference
