// Batch normalisation over the samples and pixels of one shard.
#pragma once

#include "trainer/backend/planning/step_sums.hpp"
#include "trainer/backend/reference/kernel.hpp"

namespace annulus::trainer::reference {

/// y = gamma (x - mean) / sqrt(variance + epsilon) + beta, with the shard's or the step's mean and biased
/// variance in training (Ioffe & Szegedy 2015, algorithm 1) and the moving ones in inference. In training
/// node.saved holds the means, then the variances. Parameters in order: gamma, beta, moving_mean,
/// moving_variance.
class BatchNormalisation final : public Kernel {
 public:
  BatchNormalisation(const BatchNorm& norm, const SampleShape& input)
      : epsilon_(norm.epsilon),
        channels_(input.channels),
        pixels_(input.height * input.width),
        of_step_(norm.statistics == StatisticsOf::step) {}
  void forward(const PassContext& pass, Node& node) const override;
  void backward(const PassContext& pass, Node& node) const override;

  int rounds(Pass pass) const override { return of_step_ ? sum_rounds(pass) : 0; }
  void give(Pass pass, int round, const PassContext& context, const Node& node,
            std::span<float> own) const override;
  void take(Pass pass, int round, std::span<const float> total, Node& node) const override;

 private:
  double inverse_deviation(const Tensor& statistics, std::int64_t channel) const;
  double normalised(const Node& node, std::size_t i) const;

  double epsilon_;
  std::int64_t channels_, pixels_;
  bool of_step_;
};

}  // namespace annulus::trainer::reference
