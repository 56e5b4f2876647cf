// Shapes of joined vectors; there are no keys beside the inputs, and nothing is computed.
#include "trainer/model/layers/concat.hpp"

#include "trainer/model/layers/layer_rules.hpp"

namespace annulus::trainer {

void LayerTraits<Concat>::describe(Fields&, Concat&) {}

void LayerTraits<Concat>::infer(const LayerContext& context, Concat&) {
  if (context.inputs.size() < 2) {
    throw UsageError("{}: concat needs two or more inputs, e.g. inputs: [dense, track].", context.place);
  }
  std::int64_t length = 0;
  for (const SampleShape& shape : context.inputs) {
    if (!shape.flat) {
      throw UsageError(
          "{}: one of its inputs has shape ({}), but concat joins flat vectors. Put a flatten (or global_average_pool) layer between them.",
          context.place, to_string(shape));
    }
    length += shape.channels;
  }
  context.layer.output = {.channels = length, .flat = true};
}

Cost LayerTraits<Concat>::cost(const LayerNode&, const Concat&) { return {}; }

}  // namespace annulus::trainer
