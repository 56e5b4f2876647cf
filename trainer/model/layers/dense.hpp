// A fully connected layer.
#pragma once

#include "trainer/model/layers/layer_traits.hpp"

namespace annulus::trainer {

/// Kernel (inputs, units), bias (units); needs a flat input.
struct Dense {
  std::int64_t units = 0;
  bool bias = true;
  Initializer initializer = Initializer::glorot_uniform;
  FixedWeights weights = {};  ///< of the kernel, never trained; none: the initializer's, trained
};

template <>
struct LayerTraits<Dense> {
  static constexpr std::array<LayerWord<Dense>, 1> kWords{{
      {.word = "dense", .keras_class = "Dense", .keras_name = "dense", .short_key = "units"},
  }};
  static constexpr Arity kInputs = Arity::one;
  static constexpr bool kTakesActivation = true;
  static constexpr RequiredKeys kRequired{{"units"}, "dense: 10"};
  static void describe(Fields& fields, Dense& settings, Activation& activation);
  static void infer(const LayerContext& context, Dense& settings);
  static Cost cost(const LayerNode& layer, const Dense& settings);
};

}  // namespace annulus::trainer
