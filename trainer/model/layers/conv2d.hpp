// Two-dimensional convolution, grouped and dilated ones included.
#pragma once

#include "trainer/model/layers/layer_traits.hpp"

namespace annulus::trainer {

/// Kernel (kh, kw, Cin / groups, Cout), bias (Cout).
struct Conv2d {
  std::int64_t filters = 0;
  Size2 kernel{1, 1};
  Size2 stride{1, 1};
  Size2 dilation{1, 1};
  Padding padding = {};  ///< in pixels once shapes are inferred, whatever the mode
  PaddingMode padding_mode = PaddingMode::given;
  std::int64_t groups = 1;
  bool bias = true;
  Initializer initializer = Initializer::glorot_uniform;
  FixedWeights weights = {};  ///< of the kernel, never trained; none: the initializer's, trained
};

/// Pixels that a dilated kernel spans: (kernel - 1) * dilation + 1.
Size2 kernel_span(const Conv2d& conv);

template <>
struct LayerTraits<Conv2d> {
  static constexpr std::array<LayerWord<Conv2d>, 1> kWords{{
      {.word = "conv2d", .keras_class = "Conv2D", .keras_name = "conv2d", .short_key = "filters"},
  }};
  static constexpr Arity kInputs = Arity::one;
  static constexpr bool kTakesActivation = true;
  static constexpr RequiredKeys kRequired{{"filters", "kernel"}, "conv2d: {filters: 32, kernel: 3}"};
  static void describe(Fields& fields, Conv2d& settings, Activation& activation);
  static void infer(const LayerContext& context, Conv2d& settings);
  static Cost cost(const LayerNode& layer, const Conv2d& settings);
};

}  // namespace annulus::trainer
