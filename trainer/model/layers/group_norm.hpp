// Group normalisation.
#pragma once

#include "trainer/model/layers/layer_traits.hpp"

namespace annulus::trainer {

/// Over the pixels of one sample and the channels of one group (Wu & He 2018, "Group Normalization",
/// arXiv:1803.08494, equations 1 to 3 and 7), with the biased variance; gamma, beta of (C). Channel c belongs
/// to group c / (C / groups). Knows nothing of other samples, so training and inference are the same.
struct GroupNorm {
  std::int64_t groups = 32;
  float epsilon = 1e-3f;
};

template <>
struct LayerTraits<GroupNorm> {
  static constexpr std::array<LayerWord<GroupNorm>, 1> kWords{{
      {.word = "group_norm",
       .keras_class = "GroupNormalization",
       .keras_name = "group_normalization",
       .short_key = "groups"},
  }};
  static constexpr Arity kInputs = Arity::one;
  static constexpr bool kTakesActivation = false;
  static constexpr RequiredKeys kRequired{};
  static void describe(Fields& fields, GroupNorm& settings);
  static void infer(const LayerContext& context, GroupNorm& settings);
  static Cost cost(const LayerNode& layer, const GroupNorm& settings);
};

}  // namespace annulus::trainer
