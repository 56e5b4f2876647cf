// From an image to a vector.
#pragma once

#include "trainer/model/layers/layer_traits.hpp"

namespace annulus::trainer {

/// (H, W, C) -> (H*W*C) in that order.
struct Flatten {};

template <>
struct LayerTraits<Flatten> {
  static constexpr std::array<LayerWord<Flatten>, 1> kWords{{
      {.word = "flatten", .keras_class = "Flatten", .keras_name = "flatten", .short_key = ""},
  }};
  static constexpr Arity kInputs = Arity::one;
  static constexpr bool kTakesActivation = false;
  static constexpr RequiredKeys kRequired{};
  static void describe(Fields& fields, Flatten& settings);
  static void infer(const LayerContext& context, Flatten& settings);
  static Cost cost(const LayerNode& layer, const Flatten& settings);
};

}  // namespace annulus::trainer
