// Shapes and cost of pooling over the whole image; it has no keys.
#include "trainer/model/layers/global_pool.hpp"

#include "trainer/model/layers/layer_rules.hpp"

namespace annulus::trainer {

void LayerTraits<GlobalPool>::describe(Fields&, GlobalPool&) {}

void LayerTraits<GlobalPool>::infer(const LayerContext& context, GlobalPool&) {
  require_image(context);
  context.layer.output = {.channels = context.layer.input.channels, .flat = true};
}

Cost LayerTraits<GlobalPool>::cost(const LayerNode& layer, const GlobalPool&) {
  return {.flops = layer.input.size()};
}

}  // namespace annulus::trainer
