// Shapes and cost of a sum; it has no keys beside its inputs.
#include "trainer/model/layers/add.hpp"

#include "trainer/model/layers/layer_rules.hpp"

namespace annulus::trainer {

void LayerTraits<Add>::describe(Fields&, Add&) {}

void LayerTraits<Add>::infer(const LayerContext& context, Add&) {
  if (context.inputs.size() < 2) {
    throw UsageError("{}: add needs two or more inputs, e.g. inputs: [conv2d, conv2d_1].", context.place);
  }
  for (const SampleShape& shape : context.inputs) {
    if (shape == context.inputs.front()) continue;
    throw UsageError(
        "{}: its inputs have shapes ({}) and ({}), but only equal shapes can be added. A 1x1 convolution can match the channels.",
        context.place, to_string(context.inputs.front()), to_string(shape));
  }
  context.layer.output = context.layer.input;
}

Cost LayerTraits<Add>::cost(const LayerNode& layer, const Add&) {
  return {.flops = layer.output.size() * (static_cast<std::int64_t>(layer.inputs.size()) - 1)};
}

}  // namespace annulus::trainer
