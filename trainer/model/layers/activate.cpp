// Shapes and cost of an activation; its function is its type, so that it has no keys.
#include "trainer/model/layers/activate.hpp"

#include "trainer/model/layers/layer_rules.hpp"

namespace annulus::trainer {

void LayerTraits<Activate>::describe(Fields&, Activate&) {}

void LayerTraits<Activate>::infer(const LayerContext& context, Activate&) {
  context.layer.output = context.layer.input;
}

Cost LayerTraits<Activate>::cost(const LayerNode& layer, const Activate& activate) {
  return {.flops = activation_flops(activate.kind, layer.output.size())};
}

}  // namespace annulus::trainer
