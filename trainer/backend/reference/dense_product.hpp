// Fully connected layer.
#pragma once

#include "trainer/backend/reference/kernel.hpp"

namespace annulus::trainer::reference {

/// y[u] = bias[u] + sum over inputs i of x[i] * kernel[i, u].
class DenseProduct final : public Kernel {
 public:
  DenseProduct(std::int64_t inputs, const Dense& dense)
      : inputs_(inputs), units_(dense.units), bias_(dense.bias) {}
  void forward(const PassContext& pass, Node& node) const override;
  void backward(const PassContext& pass, Node& node) const override;

 private:
  std::int64_t inputs_;
  std::int64_t units_;
  bool bias_;
};

}  // namespace annulus::trainer::reference
