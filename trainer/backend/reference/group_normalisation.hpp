// Group normalisation, sample by sample.
#pragma once

#include "trainer/backend/reference/kernel.hpp"

namespace annulus::trainer::reference {

/// y = gamma (x - mean) / sqrt(variance + epsilon) + beta with mean and biased variance over the pixels of a
/// sample and the channels of a group (Wu & He 2018, equations 1 to 3 and 7), in training and inference
/// alike. node.saved holds the means of (sample, group), then the inverse deviations. Parameters in order:
/// gamma, beta.
class GroupNormalisation final : public Kernel {
 public:
  GroupNormalisation(const GroupNorm& norm, const SampleShape& input)
      : epsilon_(norm.epsilon), groups_(norm.groups), input_(input) {}
  void forward(const PassContext& pass, Node& node) const override;
  void backward(const PassContext& pass, Node& node) const override;

 private:
  /// Calls body(value, group of its sample, channel) for every value.
  template <class Body>
  void for_each_value(const PassContext& pass, const Body& body) const;
  double values_of_group() const { return static_cast<double>(input_.size()) / static_cast<double>(groups_); }

  double epsilon_;
  std::int64_t groups_;
  SampleShape input_;
};

}  // namespace annulus::trainer::reference
