// The kinds of layers as one table, made from the list of kinds in network.hpp: in goes what the
// configuration says about a layer, out come its words, keys, shapes, parameters and cost. Everything here
// asks LayerTraits of the layer's kind and names no kind itself.
#pragma once

#include <string>
#include <vector>

#include "trainer/model/layers/cost.hpp"
#include "trainer/model/network.hpp"
#include "trainer/model/network_builder.hpp"

namespace annulus::trainer {

class Fields;

/// A type of the configuration.
struct LayerType {
  std::string word;         ///< "max_pool"
  std::string keras_class;  ///< "MaxPooling2D"; empty where Keras has no such layer
  std::string keras_name;   ///< Keras' default name, without number: "max_pooling2d"
  std::string
      short_key;        ///< the key that the short form `- dense: 10` sets; empty when there is no such form
  Operation operation;  ///< with its defaults
  Arity inputs = Arity::one;
  bool takes_activation = false;  ///< inside the layer, applied to its output
  RequiredKeys required;
};

/// All types, in the order of the documentation.
const std::vector<LayerType>& layer_table();
/// Their words.
const std::vector<std::string>& layer_types();

/// @pre word is one of layer_types()
const LayerType& layer_type(const std::string& word);
/// The type that an operation is of. @pre there is one: Activate{Activation::none} has none
const LayerType& type_of(const Operation& operation);

/// "conv2d and dense": the words for which `property` holds, for messages.
std::string words_with(bool (*property)(const LayerType&));

/// A layer as it is written, before shapes are known.
struct LayerDraft {
  Operation operation;
  LayerOptions options;
};
/// All keys of a layer.
void describe(Fields& fields, LayerDraft& draft);

/// "configs/cifar10.yaml:12: layer conv2d_1 (conv2d)": the start of every message about a layer.
std::string place_of(const Layer& layer, const std::string& source);

/// Checks the layer's operation against its input shapes and fills in `output`, `parameters` and the resolved
/// padding. @pre name, type, operation, input and line are set   @param inputs  shapes of all inputs
/// @throws UsageError
void infer(Layer& layer, const std::vector<SampleShape>& inputs, const std::string& source, EdgeRule edges);

/// What a layer costs.
Cost cost_of(const Layer& layer);

}  // namespace annulus::trainer
