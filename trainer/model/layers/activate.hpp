// An activation as a layer of its own.
#pragma once

#include "trainer/model/layers/layer_traits.hpp"

namespace annulus::trainer {

/// The same functions as inside conv2d and dense. Softmax runs over the channels, and only the last layer of
/// a network may be one.
struct Activate {
  Activation kind = Activation::relu;
};

template <>
struct LayerTraits<Activate> {
  static constexpr std::array<LayerWord<Activate>, 4> kWords{{
      {"relu", "Activation", "activation", "", {Activation::relu}},
      {"sigmoid", "Activation", "activation", "", {Activation::sigmoid}},
      {"tanh", "Activation", "activation", "", {Activation::tanh}},
      {"softmax", "Activation", "activation", "", {Activation::softmax}},
  }};
  static constexpr auto kChoice = &Activate::kind;
  static constexpr Arity kInputs = Arity::one;
  static constexpr bool kTakesActivation = false;
  static constexpr RequiredKeys kRequired{};
  static void describe(Fields& fields, Activate& settings);
  static void infer(const LayerContext& context, Activate& settings);
  static Cost cost(const LayerNode& layer, const Activate& settings);
};

}  // namespace annulus::trainer
