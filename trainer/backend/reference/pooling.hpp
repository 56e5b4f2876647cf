// Max and average pooling over windows that may overlap.
#pragma once

#include "trainer/backend/reference/kernel.hpp"
#include "trainer/backend/reference/taps.hpp"

namespace annulus::trainer::reference {

/// Padding takes no part: a maximum is over the pixels inside the image (by planning/max_pool_rule.hpp), a
/// mean divides by their number. What a maximum took gets its gradient.
class Pooling final : public Kernel {
 public:
  Pooling(const Pool2d& pool, const SampleShape& input, const SampleShape& output);
  void forward(const PassContext& pass, Node& node) const override;
  void backward(const PassContext& pass, Node& node) const override;

 private:
  void forward_max(std::int64_t sample, Node& node) const;
  void forward_average(std::int64_t sample, Node& node) const;

  PoolKind kind_;
  Window window_;
  SampleShape input_;
  SampleShape output_;
  std::vector<double> taps_inside_;  ///< per output pixel
};

}  // namespace annulus::trainer::reference
