// The frame around the layers: inputs, normalisation, output, and what a reader may want to know.
#include "trainer/export/onnx_writer.hpp"

#include <fmt/ranges.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "trainer/export/onnx_graph.hpp"

namespace annulus::trainer {
namespace {

constexpr std::int64_t kIrVersion = 7;

std::vector<std::int64_t> image_extents(const SampleShape& shape, io::PixelLayout layout) {
  if (shape.flat) return {shape.channels};
  if (layout == io::PixelLayout::channels_last) return {shape.height, shape.width, shape.channels};
  return {shape.channels, shape.height, shape.width};
}

/// From pixels as they are stored to what the first layer is given.
class Preprocessing {
 public:
  Preprocessing(OnnxGraph& graph, const TrainedNetwork& model, const OnnxOptions& options)
      : graph_(graph), model_(model), options_(options) {}

  std::string add() {
    std::string value = model_.network.image_name;
    if (options_.input == io::PixelType::uint8)
      value = graph_.node("Cast", name("float"), {value}, {integer("to", onnx::TensorProto::FLOAT)});
    value = normalised(value);
    if (model_.network.input.flat || options_.layout == io::PixelLayout::channels_first) return value;
    return graph_.node("Transpose", name("channels_first"), {value}, {ints("perm", {0, 3, 1, 2})});
  }

 private:
  std::string name(const std::string& part) const { return model_.network.image_name + "/" + part; }
  /// Extents of a value per channel in the layout of the input.
  std::vector<std::int64_t> per_channel(std::size_t channels) const {
    const auto count = static_cast<std::int64_t>(channels);
    if (!model_.network.input.flat && options_.layout == io::PixelLayout::channels_first)
      return {count, 1, 1};
    return {count};
  }

  std::string normalised(std::string value) {
    const io::Normalisation& how = model_.normalisation;
    if (how.rescale != 1.0f)
      value = graph_.node("Mul", name("rescaled"),
                          {value, graph_.constant(name("rescale"), {1}, std::span(&how.rescale, 1))});
    if (how.kind == io::Normalisation::Kind::none) return value;
    if (how.kind == io::Normalisation::Kind::per_sample) return per_sample(value);
    const auto extents = per_channel(how.mean.size());
    value = graph_.node("Sub", name("centred"), {value, graph_.constant(name("mean"), extents, how.mean)});
    return graph_.node("Div", name("normalised"),
                       {value, graph_.constant(name("deviation"), extents, how.deviation)});
  }

  /// (x - mean) / (deviation + 1e-6) over all values of an image, as io/augmentation/output.cpp has it.
  std::string per_sample(const std::string& value) {
    const std::vector<std::int64_t> axes =
        model_.network.input.flat ? std::vector<std::int64_t>{1} : std::vector<std::int64_t>{1, 2, 3};
    const auto mean_of = [&](const std::string& part, const std::string& of) {
      return graph_.node("ReduceMean", name(part), {of}, {ints("axes", axes), integer("keepdims", 1)});
    };
    const std::string centred = graph_.node("Sub", name("centred"), {value, mean_of("mean", value)});
    const std::string square = graph_.node("Mul", name("square"), {centred, centred});
    const std::string deviation = graph_.node("Sqrt", name("deviation"), {mean_of("variance", square)});
    const float least = 1e-6f;
    const std::string divisor = graph_.node(
        "Add", name("divisor"), {deviation, graph_.constant(name("least"), {1}, std::span(&least, 1))});
    return graph_.node("Div", name("normalised"), {centred, divisor});
  }

  OnnxGraph& graph_;
  const TrainedNetwork& model_;
  const OnnxOptions& options_;
};

void add_notes(onnx::ModelProto& proto, const TrainedNetwork& model) {
  const auto note = [&](const std::string& key, const std::string& value) {
    auto& entry = *proto.add_metadata_props();
    entry.set_key(key);
    entry.set_value(value);
  };
  if (!model.classes.empty()) note("classes", nlohmann::json(model.classes).dump());
  const io::Normalisation& how = model.normalisation;
  nlohmann::json normalisation{{"kind", word_of(how.kind)}, {"rescale", how.rescale}};
  if (!how.mean.empty()) normalisation.update({{"mean", how.mean}, {"deviation", how.deviation}});
  note("normalisation", normalisation.dump());
  for (const auto& [key, value] : model.notes) note(key, value);
}

}  // namespace

std::string onnx_model(const TrainedNetwork& model, const OnnxOptions& options) {
  onnx::ModelProto proto;
  proto.set_ir_version(kIrVersion);
  proto.set_producer_name("annulus");
  proto.set_producer_version(options.version);
  proto.add_opset_import()->set_version(kOnnxOpset);
  proto.mutable_graph()->set_name("annulus");
  OnnxGraph graph(*proto.mutable_graph());

  const Network& network = model.network;
  const auto type =
      options.input == io::PixelType::uint8 ? onnx::TensorProto::UINT8 : onnx::TensorProto::FLOAT;
  graph.input(network.image_name, type, options.batch, image_extents(network.input, options.layout));
  for (const NamedVector& vector : network.vectors)
    graph.input(vector.name, onnx::TensorProto::FLOAT, options.batch, {vector.length});
  const std::string last = add_layers(graph, model, Preprocessing(graph, model, options).add());
  graph.node("Identity", kOnnxOutput, {last});
  graph.output(kOnnxOutput, options.batch, {network.classes()});
  add_notes(proto, model);
  if (proto.ByteSizeLong() > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()))
    throw UsageError(
        "the model takes {:.1f} GB, and an ONNX file holds at most 2 GB. Use the checkpoint instead, or a smaller network.",
        static_cast<double>(proto.ByteSizeLong()) / 1e9);
  return proto.SerializeAsString();
}

}  // namespace annulus::trainer
