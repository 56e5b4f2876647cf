// Maximum or mean over all pixels of each channel.
#pragma once

#include "trainer/backend/reference/kernel.hpp"

namespace annulus::trainer::reference {

/// (H, W, C) -> (C); maxima by planning/max_pool_rule.hpp.
class GlobalPooling final : public Kernel {
 public:
  GlobalPooling(PoolKind kind, const SampleShape& input) : kind_(kind), input_(input) {}
  void forward(const PassContext& pass, Node& node) const override;
  void backward(const PassContext& pass, Node& node) const override;

 private:
  /// Pixel of the maximum of this channel.
  std::int64_t largest_pixel(const Tensor& x, std::int64_t sample, std::int64_t channel) const;

  PoolKind kind_;
  SampleShape input_;
};

}  // namespace annulus::trainer::reference
