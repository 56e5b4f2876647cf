// conv2d with stride, padding, dilation and groups.
#pragma once

#include "trainer/backend/reference/kernel.hpp"
#include "trainer/backend/reference/taps.hpp"

namespace annulus::trainer::reference {

/// y[p, o] = bias[o] + sum over taps t and channels c of o's group of x[pixel(p, t), c] * kernel[t, c, o].
class Convolution final : public Kernel {
 public:
  Convolution(const Conv2d& conv, const SampleShape& input, const SampleShape& output);
  void forward(const PassContext& pass, Node& node) const override;
  void backward(const PassContext& pass, Node& node) const override;

 private:
  /// Calls body(input value, kernel value, output value) with their element indices for every product of one
  /// sample.
  template <class Body>
  void for_each_product(std::int64_t sample, const Body& body) const;

  Window window_;
  SampleShape input_;
  SampleShape output_;
  std::int64_t groups_;
  bool bias_;
};

}  // namespace annulus::trainer::reference
