// Local response normalisation across channels.
#pragma once

#include "trainer/backend/reference/kernel.hpp"

namespace annulus::trainer::reference {

/// y_c = x_c s_c^-beta, s_c = k + alpha * sum of x_j^2 over the `size` channels centred on c, cut at the ends
/// (Krizhevsky et al. 2012, section 3.3). node.saved holds s.
class ResponseNorm final : public Kernel {
 public:
  ResponseNorm(const LocalResponseNorm& norm, std::int64_t channels) : norm_(norm), channels_(channels) {}
  void forward(const PassContext& pass, Node& node) const override;
  void backward(const PassContext& pass, Node& node) const override;

 private:
  /// Calls body(neighbour) for the values of the same pixel in the window around value i.
  template <class Body>
  void for_each_neighbour(std::size_t i, const Body& body) const;

  LocalResponseNorm norm_;
  std::int64_t channels_;
};

}  // namespace annulus::trainer::reference
