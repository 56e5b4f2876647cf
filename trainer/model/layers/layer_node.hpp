// A layer as the graph sees it: everything but the settings of its kind.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/shape.hpp"
#include "trainer/model/layers/settings.hpp"

namespace annulus::trainer {

/// A tensor that training or moving averages change.
struct Parameter {
  std::string name;  ///< kernel, bias, gamma, beta, moving_mean or moving_variance
  Extents extents;   ///< in Keras' order
  Initializer initializer = Initializer::zeros;
  std::int64_t fan_in = 1;  ///< for the initialiser
  std::int64_t fan_out = 1;
  bool trainable = true;  ///< false for moving averages
  bool decays = false;    ///< weight decay applies: kernels only
  /// Values that no training changes, in Keras' order: those that the configuration gives; empty: it is
  /// trained.
  std::vector<float> fixed = {};
};

/// What windows that do not divide their input leave over at its bottom and right edge: no output depends on
/// it, and its gradient is zero.
struct LeftOver {
  std::int64_t rows = 0, columns = 0;                  ///< of the input
  std::int64_t padding_rows = 0, padding_columns = 0;  ///< of the zeros around it
  bool operator==(const LeftOver&) const = default;
};

struct LayerNode {
  std::string name;  ///< unique; given in the config or Keras' default (conv2d, conv2d_1, ...)
  std::string type;  ///< as in the config: conv2d, max_pool, ...
  Activation activation = Activation::none;  ///< applied to the output of conv2d and dense
  /// Indices of earlier layers; -1 is the network's image, -2 - k its vectors[k].
  std::vector<int> inputs;
  SampleShape input;  ///< shape of the first input
  SampleShape output;
  std::vector<Parameter> parameters;
  LeftOver left_over = {};  ///< of conv2d and pools
  int line = 0;             ///< in the config, for messages; 0 = unknown
};

/// Trainable and moving-average values of a layer, as Keras counts them.
std::int64_t parameter_count(const LayerNode& layer);

}  // namespace annulus::trainer
