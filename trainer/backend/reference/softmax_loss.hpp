// Softmax cross entropy on the logits: the end of forward and the start of backward.
#pragma once

#include <cstdint>
#include <span>

#include "trainer/backend/contract/replica.hpp"
#include "trainer/backend/reference/kernel.hpp"

namespace annulus::trainer::reference {

struct LossResult {
  double sum = 0;            ///< of the losses of all samples
  std::int64_t correct = 0;  ///< samples whose first largest logit is at their label
  std::int64_t top = 0;      ///< samples whose label is among the LossOptions::top_k largest logits
  Tensor gradient;           ///< of the sum by the logits, (n, classes)
};

/// Of a shard: spans as in io::Shard.
struct LabelledSamples {
  std::span<const std::int32_t> labels;  ///< (n), each in [0, classes)
  std::span<const float> weights = {};
  std::span<const float> shares = {};
};

/// loss = -w * sum_k t_k log softmax(logits)_k with t = (1 - s) * onehot(label) + s / classes and w the
/// weight of the label's class times that of the sample; of a mixed sample, share times its own loss plus the
/// rest times the loss with the next one's label and weights.
/// @param logits (n, classes)
LossResult softmax_loss(const Tensor& logits, const LabelledSamples& samples, const LossOptions& options);

/// Turns logits (n, classes) into probabilities.
void softmax(std::int64_t classes, Tensor& logits);

}  // namespace annulus::trainer::reference
