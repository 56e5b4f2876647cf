// Batch normalisation.
#pragma once

#include "trainer/model/layers/layer_traits.hpp"

namespace annulus::trainer {

/// Over N, H, W of one shard (Ioffe & Szegedy 2015, algorithm 1); gamma, beta, moving_mean, moving_variance
/// of (C). moving = momentum * moving + (1 - momentum) * batch, with the biased variance.
struct BatchNorm {
  float momentum = 0.99f;
  float epsilon = 1e-3f;
};

template <>
struct LayerTraits<BatchNorm> {
  static constexpr std::array<LayerWord<BatchNorm>, 1> kWords{{
      {.word = "batch_norm",
       .keras_class = "BatchNormalization",
       .keras_name = "batch_normalization",
       .short_key = ""},
  }};
  static constexpr Arity kInputs = Arity::one;
  static constexpr bool kTakesActivation = false;
  static constexpr RequiredKeys kRequired{};
  static void describe(Fields& fields, BatchNorm& settings);
  static void infer(const LayerContext& context, BatchNorm& settings);
  static Cost cost(const LayerNode& layer, const BatchNorm& settings);
};

}  // namespace annulus::trainer
