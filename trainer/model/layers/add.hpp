// A sum, as at the end of a residual block.
#pragma once

#include "trainer/model/layers/layer_traits.hpp"

namespace annulus::trainer {

/// Sum of two or more inputs of one shape.
struct Add {};

template <>
struct LayerTraits<Add> {
  static constexpr std::array<LayerWord<Add>, 1> kWords{{
      {.word = "add", .keras_class = "Add", .keras_name = "add", .short_key = ""},
  }};
  static constexpr Arity kInputs = Arity::several;
  static constexpr bool kTakesActivation = false;
  static constexpr RequiredKeys kRequired{};
  static void describe(Fields& fields, Add& settings);
  static void infer(const LayerContext& context, Add& settings);
  static Cost cost(const LayerNode& layer, const Add& settings);
};

}  // namespace annulus::trainer
