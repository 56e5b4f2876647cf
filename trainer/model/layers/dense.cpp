// Keys, shapes and cost of a fully connected layer.
#include "trainer/model/layers/dense.hpp"

#include "trainer/model/layers/layer_rules.hpp"

namespace annulus::trainer {

void LayerTraits<Dense>::describe(Fields& fields, Dense& dense, Activation& activation) {
  fields.integer("units", dense.units, kChannelCounts);
  fields.choice("activation", activation);
  fields.weights("weights", dense.weights);
  if (fields.reading() && !dense.weights.empty()) dense.bias = false;  // a fixed filter is the whole layer
  fields.flag("bias", dense.bias);
  fields.choice("initializer", dense.initializer);
}

void LayerTraits<Dense>::infer(const LayerContext& context, Dense& dense) {
  LayerNode& layer = context.layer;
  if (!layer.input.flat) {
    throw UsageError(
        "{}: its input has shape ({}), but a dense layer needs a flat vector. Put a flatten (or global_average_pool) layer before it.",
        context.place, to_string(layer.input));
  }
  require_range(context, "units", dense.units, NetworkLimits::kChannels);
  layer.output = {.channels = dense.units, .flat = true};
  layer.parameters.push_back(kernel_parameter({layer.input.channels, dense.units}, dense.initializer, 1));
  fix_weights(context, dense.weights, "inputs, units", layer.parameters.back());
  if (dense.bias) layer.parameters.push_back(vector_parameter("bias", dense.units, Initializer::zeros));
}

Cost LayerTraits<Dense>::cost(const LayerNode& layer, const Dense& dense) {
  return weighted_cost(layer, dense.bias);
}

}  // namespace annulus::trainer
