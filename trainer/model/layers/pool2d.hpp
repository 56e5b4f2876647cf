// Pooling over windows of the image.
#pragma once

#include "trainer/model/layers/layer_traits.hpp"

namespace annulus::trainer {

/// Windows may overlap (stride < size). Average pooling divides by the taps inside the image, as Keras does.
struct Pool2d {
  PoolKind kind = PoolKind::max;
  Size2 size{2, 2};
  Size2 stride{2, 2};
  Padding padding = {};  ///< in pixels once shapes are inferred, whatever the mode
  PaddingMode padding_mode = PaddingMode::given;
};

template <>
struct LayerTraits<Pool2d> {
  static constexpr std::array<LayerWord<Pool2d>, 2> kWords{{
      {.word = "max_pool",
       .keras_class = "MaxPooling2D",
       .keras_name = "max_pooling2d",
       .short_key = "size",
       .operation = {.kind = PoolKind::max}},
      {.word = "average_pool",
       .keras_class = "AveragePooling2D",
       .keras_name = "average_pooling2d",
       .short_key = "size",
       .operation = {.kind = PoolKind::average}},
  }};
  static constexpr auto kChoice = &Pool2d::kind;
  static constexpr Arity kInputs = Arity::one;
  static constexpr bool kTakesActivation = false;
  static constexpr RequiredKeys kRequired{};
  static void describe(Fields& fields, Pool2d& settings);
  static void infer(const LayerContext& context, Pool2d& settings);
  static Cost cost(const LayerNode& layer, const Pool2d& settings);
};

}  // namespace annulus::trainer
