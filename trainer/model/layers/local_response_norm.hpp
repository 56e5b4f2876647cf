// Local response normalisation.
#pragma once

#include "trainer/model/layers/layer_traits.hpp"

namespace annulus::trainer {

/// Across channels (Krizhevsky et al. 2012, section 3.3): y = x / (k + alpha * sum over `size` channels of
/// x^2)^beta. alpha is not divided by size.
struct LocalResponseNorm {
  std::int64_t size = 5;
  float alpha = 1e-4f;
  float beta = 0.75f;
  float k = 2.0f;
};

template <>
struct LayerTraits<LocalResponseNorm> {
  static constexpr std::array<LayerWord<LocalResponseNorm>, 1> kWords{{
      {.word = "lrn", .keras_class = "", .keras_name = "lrn", .short_key = "size"},
  }};
  static constexpr Arity kInputs = Arity::one;
  static constexpr bool kTakesActivation = false;
  static constexpr RequiredKeys kRequired{};
  static void describe(Fields& fields, LocalResponseNorm& settings);
  static void infer(const LayerContext& context, LocalResponseNorm& settings);
  static Cost cost(const LayerNode& layer, const LocalResponseNorm& settings);
};

}  // namespace annulus::trainer
