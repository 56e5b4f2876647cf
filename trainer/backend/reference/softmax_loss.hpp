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

/// loss = -w[label] * sum_k t_k log softmax(logits)_k with t = (1 - s) * onehot + s / classes.
/// @param logits (n, classes)   @param labels (n), each in [0, classes)
LossResult softmax_loss(const Tensor& logits, std::span<const std::int32_t> labels,
                        const LossOptions& options);

/// Turns logits (n, classes) into probabilities.
void softmax(std::int64_t classes, Tensor& logits);

}  // namespace annulus::trainer::reference
