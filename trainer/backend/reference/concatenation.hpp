// Flat vectors one after another.
#pragma once

#include "trainer/backend/reference/kernel.hpp"

namespace annulus::trainer::reference {

class Concatenation final : public Kernel {
 public:
  void forward(const PassContext& pass, Node& node) const override;
  void backward(const PassContext& pass, Node& node) const override;
};

}  // namespace annulus::trainer::reference
