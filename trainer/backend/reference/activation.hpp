// Activations: as a layer of their own, and inside conv2d and dense.
#pragma once

#include "trainer/backend/reference/kernel.hpp"

namespace annulus::trainer::reference {

/// Replaces values by their activation. @pre not softmax, which ends a network: see softmax_loss.hpp
void activate(Activation kind, Tensor& values);

/// Multiplies the gradient of an activation's output with the activation's derivative, which is known from
/// the output alone. relu: 0 where the output is 0. @pre not softmax
void multiply_derivative(Activation kind, const Tensor& output, Tensor& gradient);

class ActivationLayer final : public Kernel {
 public:
  explicit ActivationLayer(Activation kind) : kind_(kind) {}
  void forward(const PassContext& pass, Node& node) const override;
  void backward(const PassContext& pass, Node& node) const override;

 private:
  Activation kind_;
};

}  // namespace annulus::trainer::reference
