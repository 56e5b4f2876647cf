// Keys, shapes and cost of a convolution.
#include "trainer/model/layers/conv2d.hpp"

#include "trainer/model/layers/layer_rules.hpp"

namespace annulus::trainer {
namespace {

void check_groups(const LayerContext& context, const Conv2d& conv) {
  const std::int64_t channels = context.layer.input.channels;
  require_range(context, "groups", conv.groups, NetworkLimits::kChannels);
  if (channels % conv.groups == 0 && conv.filters % conv.groups == 0) return;
  throw UsageError(
      "{}: groups = {} must divide both the {} input channels and the {} filters, because every group takes an equal share of them. Change groups or filters.",
      context.place, conv.groups, channels, conv.filters);
}

}  // namespace

Size2 kernel_span(const Conv2d& conv) {
  return {(conv.kernel.height - 1) * conv.dilation.height + 1,
          (conv.kernel.width - 1) * conv.dilation.width + 1};
}

void LayerTraits<Conv2d>::describe(Fields& fields, Conv2d& conv, Activation& activation) {
  fields.integer("filters", conv.filters, kChannelCounts);
  fields.size("kernel", conv.kernel, kKernelSides);
  fields.size("stride", conv.stride, kKernelSides);
  fields.padding("padding", conv.padding, conv.padding_mode);
  fields.size("dilation", conv.dilation, kKernelSides);
  fields.integer("groups", conv.groups, kChannelCounts);
  fields.choice("activation", activation);
  fields.weights("weights", conv.weights);
  if (fields.reading() && !conv.weights.empty()) conv.bias = false;  // a fixed filter is the whole layer
  fields.flag("bias", conv.bias);
  fields.choice("initializer", conv.initializer);
}

void LayerTraits<Conv2d>::infer(const LayerContext& context, Conv2d& conv) {
  require_window(context, conv.kernel, conv.stride);
  require_range(context, "filters", conv.filters, NetworkLimits::kChannels);
  require_range(context, "vertical dilation", conv.dilation.height, NetworkLimits::kKernelSide);
  require_range(context, "horizontal dilation", conv.dilation.width, NetworkLimits::kKernelSide);
  check_groups(context, conv);
  LayerNode& layer = context.layer;
  const Size2 output = slide(context, {kernel_span(conv), conv.stride}, conv.padding_mode, conv.padding);
  layer.output = {.height = output.height, .width = output.width, .channels = conv.filters};
  const std::int64_t channels = layer.input.channels / conv.groups;
  layer.parameters.push_back(kernel_parameter({conv.kernel.height, conv.kernel.width, channels, conv.filters},
                                              conv.initializer, conv.kernel.height * conv.kernel.width));
  fix_weights(context, conv.weights, "height, width, input channels / groups, filters",
              layer.parameters.back());
  if (conv.bias) layer.parameters.push_back(vector_parameter("bias", conv.filters, Initializer::zeros));
}

Cost LayerTraits<Conv2d>::cost(const LayerNode& layer, const Conv2d& conv) {
  return weighted_cost(layer, conv.bias);
}

}  // namespace annulus::trainer
