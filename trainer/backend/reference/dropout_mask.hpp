// Inverted dropout with the mask that all backends share.
#pragma once

#include "trainer/backend/reference/kernel.hpp"

namespace annulus::trainer::reference {

/// Training: y = x * factor with the factors of trainer/backend/planning/keyed_dropout.hpp. Inference: y = x.
class DropoutMask final : public Kernel {
 public:
  DropoutMask(float rate, int layer) : rate_(rate), layer_(layer) {}
  void forward(const PassContext& pass, Node& node) const override;
  void backward(const PassContext& pass, Node& node) const override;

 private:
  float rate_;
  int layer_;
};

}  // namespace annulus::trainer::reference
