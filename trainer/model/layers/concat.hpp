// Vectors joined into one.
#pragma once

#include "trainer/model/layers/layer_traits.hpp"

namespace annulus::trainer {

/// Flat vectors one after another: (K1), (K2), ... -> (K1 + K2 + ...).
struct Concat {};

template <>
struct LayerTraits<Concat> {
  static constexpr std::array<LayerWord<Concat>, 1> kWords{{
      {.word = "concat", .keras_class = "Concatenate", .keras_name = "concatenate", .short_key = ""},
  }};
  static constexpr Arity kInputs = Arity::several;
  static constexpr bool kTakesActivation = false;
  static constexpr RequiredKeys kRequired{};
  static void describe(Fields& fields, Concat& settings);
  static void infer(const LayerContext& context, Concat& settings);
  static Cost cost(const LayerNode& layer, const Concat& settings);
};

}  // namespace annulus::trainer
