// Keys and shapes of circular padding, which computes nothing.
#include "trainer/model/layers/circular_pad.hpp"

#include "trainer/model/layers/layer_rules.hpp"

namespace annulus::trainer {

void LayerTraits<CircularPad>::describe(Fields& fields, CircularPad& pad) {
  fields.integer("height", pad.height, {0, NetworkLimits::kImageSide});
  fields.integer("width", pad.width, {0, NetworkLimits::kImageSide});
}

void LayerTraits<CircularPad>::infer(const LayerContext& context, CircularPad& pad) {
  require_image(context);
  const SampleShape& input = context.layer.input;
  const auto check = [&](const char* what, std::int64_t pixels, std::int64_t side) {
    if (pixels >= 0 && pixels <= side) return;
    throw UsageError("{}: {} is {}, but an image of {} pixels continues by 0 to {} on either side.",
                     context.place, what, pixels, side, side);
  };
  check("height", pad.height, input.height);
  check("width", pad.width, input.width);
  if (pad.height == 0 && pad.width == 0) {
    throw UsageError(
        "{}: height and width are both 0, so nothing would be added. Give one, e.g. circular_pad: {{width: 1}}, or remove the layer.",
        context.place);
  }
  context.layer.output = {.height = input.height + 2 * pad.height,
                          .width = input.width + 2 * pad.width,
                          .channels = input.channels};
}

Cost LayerTraits<CircularPad>::cost(const LayerNode&, const CircularPad&) { return {}; }

}  // namespace annulus::trainer
