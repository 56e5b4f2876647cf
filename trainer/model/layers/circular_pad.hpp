// Padding of an image that closes on itself.
#pragma once

#include "trainer/model/layers/layer_traits.hpp"

namespace annulus::trainer {

/// Continues an image past its edges with what lies at the opposite ones: (H, W, C) -> (H + 2 height,
/// W + 2 width, C), out(y, x) = in((y - height) mod H, (x - width) mod W).
struct CircularPad {
  std::int64_t height = 0;
  std::int64_t width = 0;
};

template <>
struct LayerTraits<CircularPad> {
  static constexpr std::array<LayerWord<CircularPad>, 1> kWords{{
      {.word = "circular_pad", .keras_class = "", .keras_name = "circular_pad", .short_key = ""},
  }};
  static constexpr Arity kInputs = Arity::one;
  static constexpr bool kTakesActivation = false;
  static constexpr RequiredKeys kRequired{};
  static void describe(Fields& fields, CircularPad& settings);
  static void infer(const LayerContext& context, CircularPad& settings);
  static Cost cost(const LayerNode& layer, const CircularPad& settings);
};

}  // namespace annulus::trainer
