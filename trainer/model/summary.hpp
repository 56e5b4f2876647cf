// What a network costs, layer by layer, for one sample: shapes, parameters, connections, arithmetic, memory.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "trainer/model/network.hpp"

namespace annulus::trainer {

/// Costs of a layer, or of the network, for one sample.
struct Cost {
  std::int64_t parameters = 0;  ///< trainable and moving averages
  std::int64_t trainable = 0;
  /// Uses of a weight or bias: output values x (inputs per output + bias). Layers without weights have none,
  /// pools included (LeCun et al. 1998 count their S2 and S4, which had a weight and a bias each).
  std::int64_t connections = 0;
  /// Forward, inference: 2 a multiply-add, 1 a bias, comparison, addition or function value (relu, tanh,
  /// ...); softmax 3 a value; batch norm 2 a value; LRN 2 a channel of its window and 3 a value.
  std::int64_t flops = 0;
  std::int64_t activation_bytes = 0;  ///< output values in float32
};

struct LayerSummary {
  std::string name;
  std::string type;
  std::string activation;           ///< "none" when the layer has none of its own
  std::vector<std::string> inputs;  ///< names of layers, or of inputs of the network
  SampleShape output;
  Cost cost;
};

struct InputSummary {
  std::string name;
  SampleShape shape;
};

struct NetworkSummary {
  std::vector<InputSummary> inputs;  ///< the image first
  std::vector<LayerSummary> layers;
  Cost total;
};

NetworkSummary summarise(const Network& network);

/// Arithmetic of a training step for one sample, as it is usually counted: every layer's forward FLOPs, once
/// more for the gradient of its input unless no parameter has a part in that, and once more for that of its
/// weights if it has any. Of the plain algorithms (Winograd's needs less); loss, reduction and update are
/// left out.
std::int64_t training_flops(const NetworkSummary& summary);

/// A table as Keras prints it, with the totals below. @param title  e.g. the name of the configuration
std::string to_table(const NetworkSummary& summary, const std::string& title);

/// The same as a JSON object: {name, input, inputs: {...}, layers: [...], total: {...}}, where
/// `input` is the shape of the image, indented.
std::string to_json(const NetworkSummary& summary, const std::string& title);

}  // namespace annulus::trainer
