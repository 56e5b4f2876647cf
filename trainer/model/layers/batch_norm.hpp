// Batch normalisation.
#pragma once

#include "base/enum_words.hpp"
#include "trainer/model/layers/layer_traits.hpp"

namespace annulus::trainer {

/// Whose mean and variance a batch norm takes in training.
enum class StatisticsOf {
  shard,  ///< each shard its own, as every GPU of PyTorch's DistributedDataParallel does
  step,   ///< those of the step's whole batch, as SyncBatchNorm: shards wait for each other at the layer
};

/// Over N, H, W of one shard or of the step (Ioffe & Szegedy 2015, algorithm 1); gamma, beta, moving_mean,
/// moving_variance of (C). moving = momentum * moving + (1 - momentum) * batch, with the biased variance.
struct BatchNorm {
  float momentum = 0.99f;
  float epsilon = 1e-3f;
  StatisticsOf statistics = StatisticsOf::shard;
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

template <>
struct annulus::EnumWords<annulus::trainer::StatisticsOf> {
  static constexpr std::array kWords{"shard", "step"};
};
