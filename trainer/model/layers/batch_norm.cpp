// Keys, parameters and cost of batch normalisation.
#include "trainer/model/layers/batch_norm.hpp"

#include "trainer/model/layers/layer_rules.hpp"

namespace annulus::trainer {

void LayerTraits<BatchNorm>::describe(Fields& fields, BatchNorm& norm) {
  fields.number("momentum", norm.momentum, {0, 1});
  fields.number("epsilon", norm.epsilon, {0, 1, Limits::Ends::low_open});
  fields.choice("statistics", norm.statistics);
}

void LayerTraits<BatchNorm>::infer(const LayerContext& context, BatchNorm& norm) {
  if (!(norm.momentum >= 0 && norm.momentum <= 1) || !(norm.epsilon > 0)) {
    throw UsageError("{}: momentum = {} must lie in [0, 1] and epsilon = {} above 0.", context.place,
                     norm.momentum, norm.epsilon);
  }
  LayerNode& layer = context.layer;
  const std::int64_t channels = layer.input.channels;
  layer.output = layer.input;
  layer.parameters = {vector_parameter("gamma", channels, Initializer::ones),
                      vector_parameter("beta", channels, Initializer::zeros),
                      vector_parameter("moving_mean", channels, Initializer::zeros, false),
                      vector_parameter("moving_variance", channels, Initializer::ones, false)};
}

Cost LayerTraits<BatchNorm>::cost(const LayerNode& layer, const BatchNorm&) {
  return {.connections = 2 * layer.output.size(), .flops = 2 * layer.output.size()};
}

}  // namespace annulus::trainer
