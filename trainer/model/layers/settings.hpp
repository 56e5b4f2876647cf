// Settings that several kinds of layers have.
#pragma once

#include <cstdint>
#include <vector>

#include "base/enum_words.hpp"
#include "base/shape.hpp"

namespace annulus::trainer {

enum class Activation { none, relu, sigmoid, tanh, softmax };
enum class Initializer { glorot_uniform, he_uniform, he_normal, kaiming_normal, zeros, ones };
enum class PoolKind { max, average };

struct Size2 {
  std::int64_t height = 1;
  std::int64_t width = 1;
  bool operator==(const Size2&) const = default;
};

/// Zeros around an image, in pixels.
struct Padding {
  std::int64_t top = 0, bottom = 0, left = 0, right = 0;
  bool operator==(const Padding&) const = default;
};

/// How the zeros around an image were asked for. Shape inference turns either into pixels and keeps the mode,
/// so that the layer can be written down as it was given.
enum class PaddingMode {
  given,  ///< the pixels of a Padding; all zero is Keras' "valid"
  same,   ///< as Keras: output = ceil(input / stride), the odd pixel at the bottom and right
};

/// What becomes of pixels at the edge that a window does not reach.
enum class EdgeRule {
  drop,    ///< the output size is rounded down, as Keras' "valid" and PyTorch do
  refuse,  ///< an error: sizes have to come out whole
};

/// Values of a kernel that the configuration fixes, as it gives them: nested lists, outermost first.
struct FixedWeights {
  Extents extents = {};  ///< lengths of the lists, one per level
  std::vector<float> values = {};

  bool empty() const { return values.empty(); }
};

}  // namespace annulus::trainer

template <>
struct annulus::EnumWords<annulus::trainer::Activation> {
  static constexpr std::array kWords{"none", "relu", "sigmoid", "tanh", "softmax"};
};

template <>
struct annulus::EnumWords<annulus::trainer::Initializer> {
  static constexpr std::array kWords{"glorot_uniform", "he_uniform", "he_normal",
                                     "kaiming_normal", "zeros",      "ones"};
};
