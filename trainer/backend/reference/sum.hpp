// Sum of one or more inputs: add, and flatten, which changes no value in channels-last order.
#pragma once

#include "trainer/backend/reference/kernel.hpp"

namespace annulus::trainer::reference {

/// y = x_0 + x_1 + ...; the same input may be named twice.
class Sum final : public Kernel {
 public:
  void forward(const PassContext& pass, Node& node) const override;
  void backward(const PassContext& pass, Node& node) const override;
};

}  // namespace annulus::trainer::reference
