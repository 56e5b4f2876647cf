// Dropout.
#pragma once

#include "trainer/model/layers/layer_traits.hpp"

namespace annulus::trainer {

/// Inverted dropout: kept values are scaled by 1 / (1 - rate); keyed by (seed, step, sample, layer, element).
struct Dropout {
  float rate = 0.5f;
};

template <>
struct LayerTraits<Dropout> {
  static constexpr std::array<LayerWord<Dropout>, 1> kWords{{
      {.word = "dropout", .keras_class = "Dropout", .keras_name = "dropout", .short_key = "rate"},
  }};
  static constexpr Arity kInputs = Arity::one;
  static constexpr bool kTakesActivation = false;
  static constexpr RequiredKeys kRequired{};
  static void describe(Fields& fields, Dropout& settings);
  static void infer(const LayerContext& context, Dropout& settings);
  static Cost cost(const LayerNode& layer, const Dropout& settings);
};

}  // namespace annulus::trainer
