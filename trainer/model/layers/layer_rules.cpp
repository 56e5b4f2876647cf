// Checks and small parts of rules, each used by several kinds.
#include "trainer/model/layers/layer_rules.hpp"

#include "trainer/model/layers/window.hpp"

namespace annulus::trainer {

void require_range(const LayerContext& context, const char* what, std::int64_t value, std::int64_t highest) {
  if (value >= 1 && value <= highest) return;
  throw UsageError("{}: {} is {}, but must lie between 1 and {}.", context.place, what, value, highest);
}

void require_image(const LayerContext& context) {
  if (!context.layer.input.flat) return;
  throw UsageError(
      "{}: its input is a flat vector of {} values, but this layer slides over an image. Put it before flatten and dense.",
      context.place, context.layer.input.channels);
}

Parameter kernel_parameter(Extents extents, Initializer initializer, std::int64_t receptive_field) {
  const std::int64_t fan_in = receptive_field * extents[extents.size() - 2];
  const std::int64_t fan_out = receptive_field * extents.back();
  return {.name = "kernel",
          .extents = std::move(extents),
          .initializer = initializer,
          .fan_in = fan_in,
          .fan_out = fan_out,
          .trainable = true,
          .decays = true};
}

Parameter vector_parameter(const char* name, std::int64_t count, Initializer initializer, bool trainable) {
  return {.name = name,
          .extents = {count},
          .initializer = initializer,
          .fan_in = count,
          .fan_out = count,
          .trainable = trainable,
          .decays = false};
}

void require_window(const LayerContext& context, const Size2& size, const Size2& stride) {
  require_image(context);
  require_range(context, "kernel height", size.height, NetworkLimits::kKernelSide);
  require_range(context, "kernel width", size.width, NetworkLimits::kKernelSide);
  require_range(context, "vertical stride", stride.height, NetworkLimits::kKernelSide);
  require_range(context, "horizontal stride", stride.width, NetworkLimits::kKernelSide);
}

Size2 slide(const LayerContext& context, const SlidingWindow& window, PaddingMode mode, Padding& padding) {
  const SampleShape& input = context.layer.input;
  WindowAxis rows{"height",    input.height,  window.span.height, window.stride.height,
                  padding.top, padding.bottom};
  WindowAxis columns{"width",      input.width,  window.span.width, window.stride.width,
                     padding.left, padding.right};
  if (mode == PaddingMode::same) {
    const Size2 output{pad_same(rows), pad_same(columns)};
    padding = {rows.before, rows.after, columns.before, columns.after};
    return output;
  }
  for (const std::int64_t side : {padding.top, padding.bottom, padding.left, padding.right}) {
    if (side < 0 || side > NetworkLimits::kKernelSide) {
      throw UsageError("{}: padding is {}, but must lie between 0 and {} pixels.", context.place, side,
                       NetworkLimits::kKernelSide);
    }
  }
  return {window_positions(rows, context.place), window_positions(columns, context.place)};
}

std::int64_t activation_flops(Activation activation, std::int64_t values) {
  if (activation == Activation::none) return 0;
  return activation == Activation::softmax ? 3 * values : values;
}

Cost weighted_cost(const LayerNode& layer, bool bias) {
  const Extents& extents = layer.parameters.front().extents;
  const std::int64_t weights = element_count(extents) / extents.back();  // seen by one output value
  const std::int64_t values = layer.output.size();
  return {.connections = values * (weights + (bias ? 1 : 0)),
          .flops = values * (2 * weights + (bias ? 1 : 0)) + activation_flops(layer.activation, values)};
}

std::int64_t parameter_count(const LayerNode& layer) {
  std::int64_t count = 0;
  for (const Parameter& parameter : layer.parameters) count += element_count(parameter.extents);
  return count;
}

}  // namespace annulus::trainer
