// A network as plain data: what the configuration says, with shapes inferred and names given. The summary,
// the exporters and every backend work from it; nothing here computes.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/enum_words.hpp"
#include "base/shape.hpp"

namespace annulus::trainer {

enum class Activation { none, relu, sigmoid, tanh, softmax };
enum class Initializer { glorot_uniform, he_uniform, he_normal, zeros, ones };
enum class PoolKind { max, average };

struct Size2 {
  std::int64_t height = 1;
  std::int64_t width = 1;
  bool operator==(const Size2&) const = default;
};

/// Zeros around an image, in pixels. "same" and "valid" are resolved into this by shape inference; "same"
/// puts the odd pixel at the bottom and right, as Keras does.
struct Padding {
  std::int64_t top = 0, bottom = 0, left = 0, right = 0;
  bool operator==(const Padding&) const = default;
};

/// Kernel (kh, kw, Cin / groups, Cout), bias (Cout).
struct Conv2d {
  std::int64_t filters = 0;
  Size2 kernel{1, 1};
  Size2 stride{1, 1};
  Size2 dilation{1, 1};
  Padding padding = {};
  std::int64_t groups = 1;
  bool bias = true;
  Initializer initializer = Initializer::glorot_uniform;
};
/// Windows may overlap (stride < size). Average pooling divides by the taps inside the image, as Keras does.
struct Pool2d {
  PoolKind kind = PoolKind::max;
  Size2 size{2, 2};
  Size2 stride{2, 2};
  Padding padding = {};
};
/// (H, W, C) -> (C).
struct GlobalPool {
  PoolKind kind = PoolKind::average;
};
/// Kernel (inputs, units), bias (units); needs a flat input.
struct Dense {
  std::int64_t units = 0;
  bool bias = true;
  Initializer initializer = Initializer::glorot_uniform;
};
/// (H, W, C) -> (H*W*C) in that order.
struct Flatten {};
/// Over N, H, W of one shard (Ioffe & Szegedy 2015, algorithm 1); gamma, beta, moving_mean, moving_variance
/// of (C). moving = momentum * moving + (1 - momentum) * batch, with the biased variance.
struct BatchNorm {
  float momentum = 0.99f;
  float epsilon = 1e-3f;
};
/// Across channels (Krizhevsky et al. 2012, section 3.3): y = x / (k + alpha * sum over `size` channels of
/// x^2)^beta. alpha is not divided by size.
struct LocalResponseNorm {
  std::int64_t size = 5;
  float alpha = 1e-4f;
  float beta = 0.75f;
  float k = 2.0f;
};
/// Inverted dropout: kept values are scaled by 1 / (1 - rate); keyed by (seed, step, sample, layer, element).
struct Dropout {
  float rate = 0.5f;
};
/// A layer of its own, or the activation inside conv2d and dense. Softmax runs over the channels.
struct Activate {
  Activation kind = Activation::relu;
};
/// Sum of two or more inputs of one shape.
struct Add {};
/// Flat vectors one after another: (K1), (K2), ... -> (K1 + K2 + ...).
struct Concat {};
/// Continues an image past its edges with what lies at the opposite ones: (H, W, C) -> (H + 2 height,
/// W + 2 width, C), out(y, x) = in((y - height) mod H, (x - width) mod W).
struct CircularPad {
  std::int64_t height = 0;
  std::int64_t width = 0;
};

using Operation = std::variant<Conv2d, Pool2d, GlobalPool, Dense, Flatten, BatchNorm, LocalResponseNorm,
                               Dropout, Activate, Add, Concat, CircularPad>;

/// A tensor that training or moving averages change.
struct Parameter {
  std::string name;  ///< kernel, bias, gamma, beta, moving_mean or moving_variance
  Extents extents;   ///< in Keras' order
  Initializer initializer = Initializer::zeros;
  std::int64_t fan_in = 1;  ///< for the initialiser
  std::int64_t fan_out = 1;
  bool trainable = true;  ///< false for moving averages
  bool decays = false;    ///< weight decay applies: kernels only
};

/// One node of the graph.
struct Layer {
  std::string name;  ///< unique; given in the config or Keras' default (conv2d, conv2d_1, ...)
  std::string type;  ///< as in the config: conv2d, max_pool, ...
  Operation operation;
  Activation activation = Activation::none;  ///< applied to the output of conv2d and dense
  /// Indices of earlier layers; -1 is the network's image, -2 - k its vectors[k].
  std::vector<int> inputs;
  SampleShape input;  ///< shape of the first input
  SampleShape output;
  std::vector<Parameter> parameters;
  int line = 0;  ///< in the config, for messages; 0 = unknown
};

/// The index of Layer::inputs that stands for vectors[k]; the image is -1.
constexpr int kImageIndex = -1;
constexpr int vector_index(int k) { return -2 - k; }

/// Layers in an order in which every input comes before its use; the last one is the output.
struct Network {
  SampleShape input;  ///< of the image
  std::vector<Layer> layers;
  std::vector<NamedVector> vectors = {};  ///< beside the image, in the order in which samples hold them
  std::string image_name = "input";       ///< as the configuration calls the image

  /// Shape and name of what layer `index` puts out, or of an input of the network when it is negative.
  SampleShape shape_of(int index) const;
  const std::string& name_of(int index) const;
  std::int64_t classes() const { return layers.back().output.channels; }
};

/// Trainable and moving-average values of a layer, as Keras counts them.
std::int64_t parameter_count(const Layer& layer);
std::int64_t parameter_count(const Network& network);

/// Pixels that a dilated kernel spans: (kernel - 1) * dilation + 1.
Size2 kernel_span(const Conv2d& conv);

/// The words of the configuration: "relu", "glorot_uniform".

}  // namespace annulus::trainer

template <>
struct annulus::EnumWords<annulus::trainer::Activation> {
  static constexpr std::array kWords{"none", "relu", "sigmoid", "tanh", "softmax"};
};

template <>
struct annulus::EnumWords<annulus::trainer::Initializer> {
  static constexpr std::array kWords{"glorot_uniform", "he_uniform", "he_normal", "zeros", "ones"};
};
