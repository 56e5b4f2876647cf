// What a layer costs for one sample.
#pragma once

#include <cstdint>

namespace annulus::trainer {

/// Costs of a layer, or of the network, for one sample.
struct Cost {
  std::int64_t parameters = 0;  ///< trainable and moving averages
  std::int64_t trainable = 0;
  std::int64_t fixed = 0;  ///< weights that the configuration fixes
  /// Uses of a weight or bias: output values x (inputs per output + bias). Layers without weights have none,
  /// pools included (LeCun et al. 1998 count their S2 and S4, which had a weight and a bias each).
  std::int64_t connections = 0;
  /// Forward, inference: 2 per multiply-add, 1 per bias, comparison, addition or function value (relu, tanh,
  /// ...); softmax 3 per value; batch norm 2 per value; group norm 6 (mean 1,
  /// variance 3, result 2); LRN 2 per channel of its window and 3 per value.
  std::int64_t flops = 0;
  std::int64_t activation_bytes = 0;  ///< output values in float32
};

}  // namespace annulus::trainer
