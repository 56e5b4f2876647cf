// Images that go on at the opposite edge.
#pragma once

#include "base/shape.hpp"
#include "trainer/backend/reference/kernel.hpp"

namespace annulus::trainer::reference {

/// out(y, x) = in((y - height) mod H, (x - width) mod W).
class CircularPadding final : public Kernel {
 public:
  CircularPadding(const CircularPad& pad, const SampleShape& input) : pad_(pad), input_(input) {}
  void forward(const PassContext& pass, Node& node) const override;
  void backward(const PassContext& pass, Node& node) const override;

 private:
  /// Calls body(place in the output, place in the input) for all values of all samples.
  template <class Body>
  void for_each_value(std::int64_t samples, const Body& body) const;

  CircularPad pad_;
  SampleShape input_;
};

}  // namespace annulus::trainer::reference
