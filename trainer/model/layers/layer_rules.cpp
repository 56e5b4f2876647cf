// Checks and small parts of rules, each used by several kinds.
#include "trainer/model/layers/layer_rules.hpp"

#include <fmt/ranges.h>

#include "trainer/model/layers/window.hpp"

namespace annulus::trainer {
namespace {

void note_left_over(LayerNode& layer, const WindowAxis& rows, const WindowAxis& columns,
                    const Size2& output) {
  const auto [row_pixels, row_zeros] = left_over(rows, output.height);
  const auto [column_pixels, column_zeros] = left_over(columns, output.width);
  layer.left_over = {row_pixels, column_pixels, row_zeros, column_zeros};
}

/// The kernel's values from one filter, or a list of them; its filters see one channel each.
std::vector<float> spread_filters(const FixedWeights& weights, const Extents& kernel) {
  const auto filters = static_cast<std::size_t>(kernel.back());
  const std::size_t taps = static_cast<std::size_t>(element_count(kernel)) / filters;
  std::vector<float> values;
  for (std::size_t tap = 0; tap < taps; ++tap)
    for (std::size_t filter = 0; filter < filters; ++filter)
      values.push_back(weights.values[weights.extents.size() == 2 ? tap : filter * taps + tap]);
  return values;
}

}  // namespace

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
    note_left_over(context.layer, rows, columns, output);
    return output;
  }
  for (const std::int64_t side : {padding.top, padding.bottom, padding.left, padding.right}) {
    if (side < 0 || side > NetworkLimits::kKernelSide) {
      throw UsageError("{}: padding is {}, but must lie between 0 and {} pixels.", context.place, side,
                       NetworkLimits::kKernelSide);
    }
  }
  const Size2 output{window_positions(rows, context), window_positions(columns, context)};
  note_left_over(context.layer, rows, columns, output);
  return output;
}

void fix_weights(const LayerContext& context, const FixedWeights& weights, const char* order,
                 Parameter& kernel) {
  if (weights.empty()) return;
  if (kernel.initializer != Initializer::glorot_uniform)
    throw UsageError(
        "{}: weights give the kernel its values, so initializer = {} has no effect. Remove one of the two.",
        context.place, word_of(kernel.initializer));
  kernel.decays = false;
  if (weights.extents == kernel.extents) {
    kernel.fixed = weights.values;
    return;
  }
  const Extents& all = kernel.extents;
  const bool image = all.size() == 4;
  const Extents one = image ? Extents{all[0], all[1]} : Extents{};
  const Extents list = image ? Extents{all[3], all[0], all[1]} : Extents{};
  const bool filters = image && (weights.extents == one || weights.extents == list);
  if (filters && all[2] == 1) {
    kernel.fixed = spread_filters(weights, all);
    return;
  }
  std::string remedy = "Give one list per level in that order.";
  if (filters)
    remedy = fmt::format(
        "Such filters fit where each sees one channel: set groups and filters to {}, so that every channel is filtered by itself, or give all values in that order.",
        context.layer.input.channels);
  else if (image && all[2] == 1)
    remedy = fmt::format("Give ({}) for all filters alike, ({}) for a list of filters, or that.",
                         fmt::join(one, ", "), fmt::join(list, ", "));
  throw UsageError("{}: weights are lists of the form ({}), but the kernel has ({}): {}. {}", context.place,
                   fmt::join(weights.extents, ", "), fmt::join(all, ", "), order, remedy);
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
