// Names and wiring of a network; the rules of single layers are in layers/.
#include "trainer/model/network_builder.hpp"

#include <algorithm>
#include <set>

#include "base/error.hpp"
#include "base/printable.hpp"
#include "trainer/model/layer_table.hpp"

namespace annulus::trainer {
namespace {

constexpr std::size_t kLongestName = 64;
constexpr const char* kInputName = "input";

bool is_name(const std::string& name) {
  const auto allowed = [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  return !name.empty() && name.size() <= kLongestName && std::all_of(name.begin(), name.end(), allowed);
}

/// Layer names become group names in checkpoints.
void check_name(const Layer& layer, const std::string& source) {
  if (is_name(layer.name) && layer.name != kInputName) return;
  throw UsageError(
      "{}: this name cannot be used: a name has 1 to {} letters, digits, _ or - (it names a group in checkpoints), and \"input\" stands for the images.",
      place_of(layer, source), kLongestName);
}

bool is_softmax(const Layer& layer) {
  const Activate* activate = std::get_if<Activate>(&layer.operation);
  return layer.activation == Activation::softmax || (activate && activate->kind == Activation::softmax);
}

/// The inputs of the network are named like layers, in one space of names.
void check_input_name(const std::string& name, const std::map<std::string, int>& taken,
                      const std::string& source) {
  if (!is_name(name)) {
    throw UsageError("{}: the input {} of the network needs another name: 1 to {} letters, digits, _ or -.",
                     source, quoted_name(name), kLongestName);
  }
  if (!taken.contains(name)) return;
  throw UsageError("{}: the network's inputs need names of their own, but {} {}.", source, quoted_name(name),
                   name == kInputName ? "always stands for the image" : "is there twice");
}

}  // namespace

NetworkBuilder::NetworkBuilder(SampleShape input, std::string source) : source_(std::move(source)) {
  const bool good = input.height >= 1 && input.height <= NetworkLimits::kImageSide && input.width >= 1 &&
                    input.width <= NetworkLimits::kImageSide && input.channels >= 1 &&
                    input.channels <= NetworkLimits::kChannels && input.size() <= NetworkLimits::kActivations;
  if (!good) {
    throw UsageError(
        "{}: the network's input ({}, {}, {}) must have a height and width of 1 to {} and 1 to {} channels.",
        source_, input.height, input.width, input.channels, NetworkLimits::kImageSide,
        NetworkLimits::kChannels);
  }
  network_.input = input;
  index_of_[kInputName] = kImageIndex;
}

NetworkBuilder& NetworkBuilder::name_image(const std::string& name) {
  expect_contract(network_.layers.empty(), "inputs are named before layers are added");
  if (name == kInputName) return *this;
  check_input_name(name, index_of_, source_);
  index_of_[name] = kImageIndex;
  network_.image_name = name;
  return *this;
}

NetworkBuilder& NetworkBuilder::vector_input(const NamedVector& vector) {
  expect_contract(network_.layers.empty(), "inputs are named before layers are added");
  check_input_name(vector.name, index_of_, source_);
  if (vector.length < 1 || vector.length > NetworkLimits::kChannels) {
    throw UsageError("{}: the input {} has the length {}, but must have 1 to {} values.", source_,
                     vector.name, vector.length, NetworkLimits::kChannels);
  }
  index_of_[vector.name] = vector_index(static_cast<int>(network_.vectors.size()));
  network_.vectors.push_back(vector);
  return *this;
}

NetworkBuilder& NetworkBuilder::strict_shapes(bool strict) {
  expect_contract(network_.layers.empty(), "the rule about edges is chosen before layers are added");
  network_.strict_shapes = strict;
  return *this;
}

NetworkBuilder& NetworkBuilder::conv2d(const Conv2d& conv, const LayerOptions& options) {
  return add(conv, options);
}
NetworkBuilder& NetworkBuilder::dense(const Dense& dense, const LayerOptions& options) {
  return add(dense, options);
}
NetworkBuilder& NetworkBuilder::flatten(const LayerOptions& options) { return add(Flatten{}, options); }
NetworkBuilder& NetworkBuilder::activate(Activation kind, const LayerOptions& options) {
  return add(Activate{kind}, options);
}

NetworkBuilder& NetworkBuilder::add(const Operation& operation, const LayerOptions& options) {
  const LayerType& type = type_of(operation);
  Layer layer;
  layer.type = type.word;
  layer.operation = operation;
  layer.activation = options.activation;
  layer.line = options.line;
  layer.name = unique_name(type.keras_name, options);
  check_name(layer, source_);
  const auto known = index_of_.find(layer.name);
  if (known != index_of_.end()) {
    const bool is_layer = known->second >= 0;
    const int line = is_layer ? network_.layers[known->second].line : 0;
    throw UsageError(
        "{}: {}{} has this name already. Names must be unique: parameters are stored under them.",
        place_of(layer, source_), is_layer ? "another layer" : "an input of the network",
        line > 0 ? fmt::format(" (line {})", line) : "");
  }
  if (network_.layers.size() >= NetworkLimits::kLayers) {
    throw UsageError("{}: a network may have at most {} layers.", place_of(layer, source_),
                     NetworkLimits::kLayers);
  }
  if (layer.activation != Activation::none && !type.takes_activation) {
    throw UsageError("{}: only {} take an activation. Add a layer `- {}` after it.", place_of(layer, source_),
                     words_with([](const LayerType& any) { return any.takes_activation; }),
                     word_of(layer.activation));
  }
  layer.inputs = resolve_inputs(layer, options.inputs);
  std::vector<SampleShape> shapes;
  for (const int index : layer.inputs) shapes.push_back(network_.shape_of(index));
  layer.input = shapes.front();
  infer(layer, shapes, source_, network_.strict_shapes ? EdgeRule::refuse : EdgeRule::drop);
  index_of_[layer.name] = static_cast<int>(network_.layers.size());
  network_.layers.push_back(std::move(layer));
  return *this;
}

std::string NetworkBuilder::unique_name(const std::string& keras_name, const LayerOptions& options) {
  if (!options.name.empty()) return options.name;
  for (;;) {  // a name that the user gave away is skipped
    const int number = defaults_issued_[keras_name]++;
    const std::string name = number == 0 ? keras_name : fmt::format("{}_{}", keras_name, number);
    if (!index_of_.contains(name)) return name;
  }
}

std::vector<int> NetworkBuilder::resolve_inputs(const Layer& layer,
                                                const std::vector<std::string>& names) const {
  if (names.empty()) return {static_cast<int>(network_.layers.size()) - 1};
  if (names.size() > 1 && type_of(layer.operation).inputs == Arity::one) {
    throw UsageError("{}: it takes one input, but {} are named. Only {} take several.",
                     place_of(layer, source_), names.size(),
                     words_with([](const LayerType& type) { return type.inputs == Arity::several; }));
  }
  std::vector<int> indices;
  for (const std::string& name : names) {
    const auto found = index_of_.find(name);
    if (found == index_of_.end()) {
      std::vector<std::string> earlier;
      for (const auto& entry : index_of_) earlier.push_back(entry.first);
      throw UsageError("{}: its input {} is not the name of an earlier layer or an input. Known: {}.",
                       place_of(layer, source_), quoted_name(name), fmt::join(earlier, ", "));
    }
    indices.push_back(found->second);
  }
  return indices;
}

void NetworkBuilder::check_softmax() const {
  for (std::size_t i = 0; i + 1 < network_.layers.size(); ++i) {
    if (!is_softmax(network_.layers[i])) continue;
    throw UsageError(
        "{}: softmax is only possible in the last layer, where the loss is computed with it. Use relu, sigmoid or tanh here.",
        place_of(network_.layers[i], source_));
  }
}

Network NetworkBuilder::build() const {
  if (network_.layers.empty()) {
    throw UsageError("{}: the network has no layers. List at least one under network.layers.", source_);
  }
  std::set<int> used{static_cast<int>(network_.layers.size()) - 1};
  for (const Layer& layer : network_.layers) used.insert(layer.inputs.begin(), layer.inputs.end());
  const int last = static_cast<int>(network_.layers.size());
  for (int index = vector_index(static_cast<int>(network_.vectors.size()) - 1); index < last; ++index) {
    if (used.contains(index)) continue;
    if (index >= 0)
      throw UsageError(
          "{}: nothing uses its output. Name it in `input` or `inputs` of a later layer, or remove it.",
          place_of(network_.layers[index], source_));
    throw UsageError("{}: no layer uses the network's input {}. Name it in `input` or `inputs` of a layer{}.",
                     source_, network_.name_of(index), index == kImageIndex ? "" : ", or remove it");
  }
  check_softmax();
  return network_;
}

void check_classifier(const Network& network, const std::string& source) {
  const Layer& last = network.layers.back();
  if (!is_softmax(last)) {
    throw UsageError(
        "{}: the last layer must be a softmax, because the loss is the cross entropy of its probabilities. Add `- softmax` at the end of network.layers.",
        place_of(last, source));
  }
  if (!last.output.flat || last.output.channels < 2) {
    throw UsageError(
        "{}: the network puts out ({}), but a classifier needs a flat vector of at least 2 classes. End with dense: <classes> and softmax.",
        place_of(last, source), to_string(last.output));
  }
}

}  // namespace annulus::trainer
