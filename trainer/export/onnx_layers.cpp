// One function a kind of layer. Images are (N, C, H, W) between nodes, vectors (N, values); where a layer
// counts in our order, (H, W, C), a transposition stands before it.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <variant>

#include "base/error.hpp"
#include "trainer/export/onnx_graph.hpp"
#include "trainer/export/trained_network.hpp"

namespace annulus::trainer {
namespace {

/// What a batch norm does to a channel: x * factor + summand.
struct Affine {
  std::vector<double> factor, summand;
};

/// Extents by which a value per channel meets all pixels.
std::vector<std::int64_t> per_channel(const SampleShape& shape) {
  if (shape.flat) return {shape.channels};
  return {shape.channels, 1, 1};
}

std::vector<std::int64_t> pads(const Padding& padding) {
  return {padding.top, padding.left, padding.bottom, padding.right};
}
std::vector<std::int64_t> pair_of(const Size2& size) { return {size.height, size.width}; }

class LayerWriter {
 public:
  LayerWriter(OnnxGraph& graph, const TrainedNetwork& model, const std::string& image)
      : graph_(graph), model_(model), image_(image), folded_(model.network.layers.size()) {
    find_folded();
  }

  std::string add_all() {
    const auto& layers = model_.network.layers;
    for (std::size_t k = 0; k < layers.size(); ++k) {
      index_ = k;
      Layer layer = layers[k];
      if (layer.name == kOnnxOutput) layer.name += "/layer";  // names of values are unique
      std::string value = std::visit([&](const auto& kind) { return add(layer, kind); }, layer.operation);
      values_.push_back(activated(layer, std::move(value)));
    }
    return values_.back();
  }

 private:
  /// A batch norm whose input is one convolution or dense layer that nobody else reads becomes part of it.
  void find_folded() {
    const auto& layers = model_.network.layers;
    std::vector<int> readers(layers.size(), 0);
    for (const Layer& layer : layers)
      for (const int input : layer.inputs)
        if (input >= 0) ++readers[static_cast<std::size_t>(input)];
    for (std::size_t k = 0; k < layers.size(); ++k) {
      if (!std::holds_alternative<BatchNorm>(layers[k].operation) || layers[k].inputs[0] < 0) continue;
      const auto before = static_cast<std::size_t>(layers[k].inputs[0]);
      const Layer& source = layers[before];
      const bool linear =
          std::holds_alternative<Conv2d>(source.operation) || std::holds_alternative<Dense>(source.operation);
      if (linear && source.activation == Activation::none && readers[before] == 1)
        folded_[before] = affine(k, std::get<BatchNorm>(layers[k].operation));
    }
  }

  Affine affine(std::size_t layer, const BatchNorm& norm) const {
    const auto& values = model_.parameters[layer];
    Affine result;
    for (std::size_t c = 0; c < values[0].size(); ++c) {
      const double factor = values[0][c] / std::sqrt(static_cast<double>(values[3][c]) + norm.epsilon);
      result.factor.push_back(factor);
      result.summand.push_back(values[1][c] - values[2][c] * factor);
    }
    return result;
  }

  std::string value_of(int input) const {
    if (input == kImageIndex) return image_;
    if (input < 0) return model_.network.name_of(input);
    return values_[static_cast<std::size_t>(input)];
  }
  std::string input(const Layer& layer) const { return value_of(layer.inputs[0]); }
  const std::vector<float>& parameter(std::size_t number) const { return model_.parameters[index_][number]; }

  /// Kernel and bias of the layer at hand, whose outputs are the last axis of the kernel, with what is folded
  /// in.
  struct Weights {
    std::vector<float> kernel, bias;
  };
  Weights weights(std::int64_t outputs, bool has_bias) const {
    Weights result{parameter(0), has_bias ? parameter(1) : std::vector<float>{}};
    const std::optional<Affine>& fold = folded_[index_];
    if (!fold) return result;
    const auto count = static_cast<std::size_t>(outputs);
    for (std::size_t i = 0; i < result.kernel.size(); ++i)
      result.kernel[i] = static_cast<float>(result.kernel[i] * fold->factor[i % count]);
    result.bias.resize(count);
    for (std::size_t c = 0; c < count; ++c)
      result.bias[c] =
          static_cast<float>((has_bias ? parameter(1)[c] : 0.0) * fold->factor[c] + fold->summand[c]);
    return result;
  }

  std::string add(const Layer& layer, const Conv2d& conv) {
    const Weights own = weights(conv.filters, conv.bias);
    const std::int64_t in = layer.input.channels / conv.groups;
    const std::int64_t taps = conv.kernel.height * conv.kernel.width;
    std::vector<float> kernel(own.kernel.size());  // (kh, kw, in, out) -> (out, in, kh, kw)
    for (std::int64_t tap = 0; tap < taps; ++tap)
      for (std::int64_t c = 0; c < in; ++c)
        for (std::int64_t k = 0; k < conv.filters; ++k)
          kernel[static_cast<std::size_t>((k * in + c) * taps + tap)] =
              own.kernel[static_cast<std::size_t>((tap * in + c) * conv.filters + k)];
    std::vector<std::string> inputs{
        input(layer), graph_.constant(layer.name + "/kernel",
                                      {conv.filters, in, conv.kernel.height, conv.kernel.width}, kernel)};
    if (!own.bias.empty()) inputs.push_back(graph_.constant(layer.name + "/bias", {conv.filters}, own.bias));
    return graph_.node("Conv", layer.name, inputs,
                       {ints("kernel_shape", pair_of(conv.kernel)), ints("strides", pair_of(conv.stride)),
                        ints("dilations", pair_of(conv.dilation)), ints("pads", pads(conv.padding)),
                        integer("group", conv.groups)});
  }

  std::string add(const Layer& layer, const Pool2d& pool) {
    std::vector<OnnxAttribute> attributes{ints("kernel_shape", pair_of(pool.size)),
                                          ints("strides", pair_of(pool.stride)),
                                          ints("pads", pads(pool.padding))};
    if (pool.kind == PoolKind::max) return graph_.node("MaxPool", layer.name, {input(layer)}, attributes);
    attributes.push_back(integer("count_include_pad", 0));
    return graph_.node("AveragePool", layer.name, {input(layer)}, attributes);
  }

  std::string add(const Layer& layer, const GlobalPool& pool) {
    const bool largest = pool.kind == PoolKind::max;
    const std::string pixel =
        graph_.node(largest ? "GlobalMaxPool" : "GlobalAveragePool", layer.name + "/pool", {input(layer)});
    return graph_.node("Flatten", layer.name, {pixel}, {integer("axis", 1)});
  }

  std::string add(const Layer& layer, const Dense& dense) {
    const Weights own = weights(dense.units, dense.bias);
    const std::string kernel =
        graph_.constant(layer.name + "/kernel", {layer.input.size(), dense.units}, own.kernel);
    if (own.bias.empty()) return graph_.node("MatMul", layer.name, {input(layer), kernel});
    return graph_.node(
        "Gemm", layer.name,
        {input(layer), kernel, graph_.constant(layer.name + "/bias", {dense.units}, own.bias)});
  }

  std::string add(const Layer& layer, const Flatten&) {
    if (layer.input.flat) return input(layer);
    std::string value = input(layer);
    if (layer.input.channels > 1 && layer.input.height * layer.input.width > 1)
      value = graph_.node("Transpose", layer.name + "/channels_last", {value}, {ints("perm", {0, 2, 3, 1})});
    return graph_.node("Flatten", layer.name, {value}, {integer("axis", 1)});
  }

  std::string scaled(const Layer& layer, const std::string& value, std::span<const float> factor,
                     std::span<const float> summand) {
    const auto extents = per_channel(layer.output);
    const std::string product = graph_.node(
        "Mul", layer.name + "/scaled", {value, graph_.constant(layer.name + "/factor", extents, factor)});
    return graph_.node("Add", layer.name,
                       {product, graph_.constant(layer.name + "/summand", extents, summand)});
  }

  std::string add(const Layer& layer, const BatchNorm& norm) {
    if (layer.inputs[0] >= 0 && folded_[static_cast<std::size_t>(layer.inputs[0])]) return input(layer);
    const Affine own = affine(index_, norm);
    return scaled(layer, input(layer), {std::vector<float>(own.factor.begin(), own.factor.end())},
                  {std::vector<float>(own.summand.begin(), own.summand.end())});
  }

  /// (N, C, H, W) -> (N, groups, values), each group of a sample normalised for itself, and back.
  std::string add(const Layer& layer, const GroupNorm& norm) {
    const std::vector<float> ones(static_cast<std::size_t>(norm.groups), 1.0f);
    const std::vector<float> zeros(static_cast<std::size_t>(norm.groups), 0.0f);
    const SampleShape& shape = layer.input;
    const std::vector<std::int64_t> whole =
        shape.flat ? std::vector<std::int64_t>{0, shape.channels}
                   : std::vector<std::int64_t>{0, shape.channels, shape.height, shape.width};
    const std::string groups =
        graph_.node("Reshape", layer.name + "/groups",
                    {input(layer), graph_.constant(layer.name + "/group_shape", {0, norm.groups, -1})});
    const std::string normal =
        graph_.node("InstanceNormalization", layer.name + "/normal",
                    {groups, graph_.constant(layer.name + "/ones", {norm.groups}, ones),
                     graph_.constant(layer.name + "/zeros", {norm.groups}, zeros)},
                    {real("epsilon", norm.epsilon)});
    const std::string back =
        graph_.node("Reshape", layer.name + "/back", {normal, graph_.constant(layer.name + "/shape", whole)});
    return scaled(layer, back, parameter(0), parameter(1));
  }

  /// ONNX divides alpha by size.
  std::string add(const Layer& layer, const LocalResponseNorm& norm) {
    return graph_.node("LRN", layer.name, {input(layer)},
                       {integer("size", norm.size), real("alpha", norm.alpha * static_cast<float>(norm.size)),
                        real("beta", norm.beta), real("bias", norm.k)});
  }

  std::string add(const Layer& layer, const Dropout&) { return input(layer); }

  std::string add(const Layer& layer, const Activate& activate) {
    return function(activate.kind, layer.name, input(layer));
  }

  std::string add(const Layer& layer, const Add&) { return graph_.node("Sum", layer.name, inputs(layer)); }

  std::string add(const Layer& layer, const Concat&) {
    return graph_.node("Concat", layer.name, inputs(layer), {integer("axis", 1)});
  }

  std::string add(const Layer& layer, const CircularPad& pad) {
    const std::string rows = wrapped(layer.name + "/rows", input(layer), 2, layer.input.height, pad.height);
    return wrapped(layer.name, rows, 3, layer.input.width, pad.width);
  }

  /// The last `count` rows (or columns), all, and the first.
  std::string wrapped(const std::string& name, const std::string& value, std::int64_t axis,
                      std::int64_t extent, std::int64_t count) {
    if (count == 0) return value;
    const auto part = [&](const std::string& which, std::int64_t begin, std::int64_t end) {
      const std::string own = name + "/" + which;
      return graph_.node("Slice", own,
                         {value, graph_.constant(own + "_begin", {begin}),
                          graph_.constant(own + "_end", {end}), graph_.constant(own + "_axis", {axis})});
    };
    return graph_.node("Concat", name,
                       {part("before", extent - count, extent), value, part("behind", 0, count)},
                       {integer("axis", axis)});
  }

  std::vector<std::string> inputs(const Layer& layer) const {
    std::vector<std::string> values;
    for (const int input : layer.inputs) values.push_back(value_of(input));
    return values;
  }

  std::string activated(const Layer& layer, std::string value) {
    if (layer.activation == Activation::none) return value;
    return function(layer.activation, layer.name + "/" + word_of(layer.activation), value);
  }

  std::string function(Activation kind, const std::string& name, const std::string& value) {
    switch (kind) {
      case Activation::none:
        return value;
      case Activation::relu:
        return graph_.node("Relu", name, {value});
      case Activation::sigmoid:
        return graph_.node("Sigmoid", name, {value});
      case Activation::tanh:
        return graph_.node("Tanh", name, {value});
      case Activation::softmax:
        return graph_.node("Softmax", name, {value}, {integer("axis", 1)});
    }
    expect_contract(false, "an activation has its operator");
    return value;
  }

  OnnxGraph& graph_;
  const TrainedNetwork& model_;
  std::string image_;
  std::vector<std::optional<Affine>> folded_;  ///< into which layers
  std::vector<std::string> values_;            ///< what each layer puts out
  std::size_t index_ = 0;                      ///< of the layer at hand
};

}  // namespace

std::string add_layers(OnnxGraph& graph, const TrainedNetwork& model, const std::string& image) {
  return LayerWriter(graph, model, image).add_all();
}

}  // namespace annulus::trainer
