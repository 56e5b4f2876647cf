// Shapes of flattening; it has no keys and costs nothing.
#include "trainer/model/layers/flatten.hpp"

#include "trainer/model/layers/layer_rules.hpp"

namespace annulus::trainer {

void LayerTraits<Flatten>::describe(Fields&, Flatten&) {}

void LayerTraits<Flatten>::infer(const LayerContext& context, Flatten&) {
  if (context.layer.input.flat) {
    throw UsageError("{}: its input is flat already. Remove this layer.", context.place);
  }
  context.layer.output = {.channels = context.layer.input.size(), .flat = true};
}

Cost LayerTraits<Flatten>::cost(const LayerNode&, const Flatten&) { return {}; }

}  // namespace annulus::trainer
