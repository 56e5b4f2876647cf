// What a network costs, layer by layer, for one sample: shapes, parameters, connections, arithmetic, memory.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "trainer/model/layers/cost.hpp"
#include "trainer/model/network.hpp"

namespace annulus::trainer {

struct LayerSummary {
  std::string name;
  std::string type;
  std::string activation;           ///< "none" when the layer has none of its own
  std::vector<std::string> inputs;  ///< names of layers, or of inputs of the network
  SampleShape output;
  Cost cost;
  LeftOver left_over;  ///< of what it reads
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

/// "1 row and 1 column dropped", "1 row of padding unused", or both; empty when nothing is left over.
std::string to_string(const LeftOver& left_over);

/// A table with the totals below, then what windows leave over. @param title  e.g. the name of the
/// configuration
std::string to_table(const NetworkSummary& summary, const std::string& title);

/// The same as a JSON object: {name, input, inputs: {...}, layers: [...], total: {...}}, where
/// `input` is the shape of the image, indented.
std::string to_json(const NetworkSummary& summary, const std::string& title);

}  // namespace annulus::trainer
