// Pooling over the whole image.
#pragma once

#include "trainer/model/layers/layer_traits.hpp"

namespace annulus::trainer {

/// (H, W, C) -> (C).
struct GlobalPool {
  PoolKind kind = PoolKind::average;
};

template <>
struct LayerTraits<GlobalPool> {
  static constexpr std::array<LayerWord<GlobalPool>, 2> kWords{{
      {.word = "global_max_pool",
       .keras_class = "GlobalMaxPooling2D",
       .keras_name = "global_max_pooling2d",
       .short_key = "",
       .operation = {PoolKind::max}},
      {.word = "global_average_pool",
       .keras_class = "GlobalAveragePooling2D",
       .keras_name = "global_average_pooling2d",
       .short_key = "",
       .operation = {PoolKind::average}},
  }};
  static constexpr auto kChoice = &GlobalPool::kind;
  static constexpr Arity kInputs = Arity::one;
  static constexpr bool kTakesActivation = false;
  static constexpr RequiredKeys kRequired{};
  static void describe(Fields& fields, GlobalPool& settings);
  static void infer(const LayerContext& context, GlobalPool& settings);
  static Cost cost(const LayerNode& layer, const GlobalPool& settings);
};

}  // namespace annulus::trainer
