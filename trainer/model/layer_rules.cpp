// Shape inference, parameters and checks, one overload an operation.
#include "trainer/model/layer_rules.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "trainer/model/window.hpp"

namespace annulus::trainer {
namespace {

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <class... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

/// What a rule needs to know and fill in.
struct Context {
  Layer& layer;
  PaddingMode padding;
  const std::vector<SampleShape>& inputs;
  std::string place;
};

void require_range(const Context& context, const char* what, std::int64_t value, std::int64_t highest) {
  if (value >= 1 && value <= highest) return;
  throw UsageError("{}: {} is {}, but must lie between 1 and {}.", context.place, what, value, highest);
}

void require_image(const Context& context) {
  if (!context.layer.input.flat) return;
  throw UsageError(
      "{}: its input is a flat vector of {} values, but this layer slides over an image. Put it before flatten and dense.",
      context.place, context.layer.input.channels);
}

Parameter make_kernel(Extents extents, Initializer initializer, std::int64_t receptive_field) {
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

Parameter make_vector(const char* name, std::int64_t count, Initializer initializer, bool trainable = true) {
  return {.name = name,
          .extents = {count},
          .initializer = initializer,
          .fan_in = count,
          .fan_out = count,
          .trainable = trainable,
          .decays = false};
}

struct WindowRequest {
  Size2 span;
  Size2 stride;
};

/// Output height and width of a sliding window; resolves "same" into `padding`.
Size2 slide(const Context& context, const WindowRequest& request, Padding& padding) {
  const SampleShape& input = context.layer.input;
  WindowAxis rows{"height",    input.height,  request.span.height, request.stride.height,
                  padding.top, padding.bottom};
  WindowAxis columns{"width",      input.width,  request.span.width, request.stride.width,
                     padding.left, padding.right};
  if (context.padding == PaddingMode::same) {
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

void check_window(const Context& context, const Size2& size, const Size2& stride) {
  require_image(context);
  require_range(context, "kernel height", size.height, NetworkLimits::kKernelSide);
  require_range(context, "kernel width", size.width, NetworkLimits::kKernelSide);
  require_range(context, "vertical stride", stride.height, NetworkLimits::kKernelSide);
  require_range(context, "horizontal stride", stride.width, NetworkLimits::kKernelSide);
}

void check_groups(const Context& context, const Conv2d& conv) {
  const std::int64_t channels = context.layer.input.channels;
  require_range(context, "groups", conv.groups, NetworkLimits::kChannels);
  if (channels % conv.groups == 0 && conv.filters % conv.groups == 0) return;
  throw UsageError(
      "{}: groups = {} must divide both the {} input channels and the {} filters, because every group takes an equal share of them. Change groups or filters.",
      context.place, conv.groups, channels, conv.filters);
}

void apply(const Context& context, Conv2d& conv) {
  check_window(context, conv.kernel, conv.stride);
  require_range(context, "filters", conv.filters, NetworkLimits::kChannels);
  require_range(context, "vertical dilation", conv.dilation.height, NetworkLimits::kKernelSide);
  require_range(context, "horizontal dilation", conv.dilation.width, NetworkLimits::kKernelSide);
  check_groups(context, conv);
  Layer& layer = context.layer;
  const Size2 output = slide(context, {kernel_span(conv), conv.stride}, conv.padding);
  layer.output = {.height = output.height, .width = output.width, .channels = conv.filters};
  const std::int64_t channels = layer.input.channels / conv.groups;
  layer.parameters.push_back(make_kernel({conv.kernel.height, conv.kernel.width, channels, conv.filters},
                                         conv.initializer, conv.kernel.height * conv.kernel.width));
  if (conv.bias) layer.parameters.push_back(make_vector("bias", conv.filters, Initializer::zeros));
}

void apply(const Context& context, Pool2d& pool) {
  check_window(context, pool.size, pool.stride);
  const Size2 output = slide(context, {pool.size, pool.stride}, pool.padding);
  const Padding& padding = pool.padding;
  if (std::max(padding.top, padding.bottom) >= pool.size.height ||
      std::max(padding.left, padding.right) >= pool.size.width) {
    throw UsageError(
        "{}: the padding ({}, {}, {}, {}) reaches the window size {} x {}, so some windows would see no pixel at all. Use less padding than the window is wide.",
        context.place, padding.top, padding.bottom, padding.left, padding.right, pool.size.height,
        pool.size.width);
  }
  context.layer.output = {
      .height = output.height, .width = output.width, .channels = context.layer.input.channels};
}

void apply(const Context& context, GlobalPool&) {
  require_image(context);
  context.layer.output = {.channels = context.layer.input.channels, .flat = true};
}

void apply(const Context& context, Dense& dense) {
  const SampleShape& input = context.layer.input;
  if (!input.flat) {
    throw UsageError(
        "{}: its input has shape ({}), but a dense layer needs a flat vector. Put a flatten (or global_average_pool) layer before it.",
        context.place, to_string(input));
  }
  require_range(context, "units", dense.units, NetworkLimits::kChannels);
  context.layer.output = {.channels = dense.units, .flat = true};
  context.layer.parameters.push_back(make_kernel({input.channels, dense.units}, dense.initializer, 1));
  if (dense.bias) context.layer.parameters.push_back(make_vector("bias", dense.units, Initializer::zeros));
}

void apply(const Context& context, Flatten&) {
  if (context.layer.input.flat) {
    throw UsageError("{}: its input is flat already. Remove this layer.", context.place);
  }
  context.layer.output = {.channels = context.layer.input.size(), .flat = true};
}

void apply(const Context& context, BatchNorm& norm) {
  if (!(norm.momentum >= 0 && norm.momentum <= 1) || !(norm.epsilon > 0)) {
    throw UsageError("{}: momentum = {} must lie in [0, 1] and epsilon = {} above 0.", context.place,
                     norm.momentum, norm.epsilon);
  }
  Layer& layer = context.layer;
  const std::int64_t channels = layer.input.channels;
  layer.output = layer.input;
  layer.parameters = {make_vector("gamma", channels, Initializer::ones),
                      make_vector("beta", channels, Initializer::zeros),
                      make_vector("moving_mean", channels, Initializer::zeros, false),
                      make_vector("moving_variance", channels, Initializer::ones, false)};
}

void apply(const Context& context, LocalResponseNorm& norm) {
  require_image(context);
  if (norm.size < 1 || norm.size > NetworkLimits::kChannels || norm.size % 2 == 0) {
    throw UsageError(
        "{}: size = {} must be odd and at least 1, because the window is centred on a channel. Try {}.",
        context.place, norm.size, std::max<std::int64_t>(1, norm.size / 2 * 2 + 1));
  }
  if (!(norm.alpha >= 0) || !(norm.beta > 0) || !(norm.k > 0)) {
    throw UsageError("{}: alpha = {} must not be negative, beta = {} and k = {} must be above 0.",
                     context.place, norm.alpha, norm.beta, norm.k);
  }
  context.layer.output = context.layer.input;
}

void apply(const Context& context, Dropout& dropout) {
  if (!(dropout.rate >= 0 && dropout.rate < 1)) {
    throw UsageError("{}: rate = {} must lie in [0, 1): it is the share of values set to zero.",
                     context.place, dropout.rate);
  }
  context.layer.output = context.layer.input;
}

void apply(const Context& context, Activate& activate) {
  if (activate.kind == Activation::none) {
    throw UsageError("{}: an activation layer needs a function: relu, sigmoid, tanh or softmax.",
                     context.place);
  }
  context.layer.output = context.layer.input;
}

void apply(const Context& context, Add&) {
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

void apply(const Context& context, Concat&) {
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

void apply(const Context& context, CircularPad& pad) {
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

void check_totals(const Context& context) {
  const Layer& layer = context.layer;
  if (layer.output.size() > NetworkLimits::kActivations || layer.output.height > NetworkLimits::kImageSide ||
      layer.output.width > NetworkLimits::kImageSide) {
    throw UsageError("{}: its output ({}) has {} values per sample, more than the limit of {}.",
                     context.place, to_string(layer.output), layer.output.size(),
                     NetworkLimits::kActivations);
  }
  if (parameter_count(layer) > NetworkLimits::kParameters) {
    throw UsageError(
        "{}: it would have {} parameters, more than the limit of {}. Pool more before it or make it smaller.",
        context.place, parameter_count(layer), NetworkLimits::kParameters);
  }
}

}  // namespace

std::string place_of(const Layer& layer, const std::string& source) {
  const std::string where = layer.line > 0 ? fmt::format("{}:{}", source, layer.line) : source;
  return fmt::format("{}: layer {} ({})", where, layer.name, layer.type);
}

std::string type_of(const Operation& operation) {
  const Overloaded name{
      [](const Conv2d&) { return "conv2d"; },
      [](const Pool2d& pool) { return pool.kind == PoolKind::max ? "max_pool" : "average_pool"; },
      [](const GlobalPool& pool) {
        return pool.kind == PoolKind::max ? "global_max_pool" : "global_average_pool";
      },
      [](const Dense&) { return "dense"; },
      [](const Flatten&) { return "flatten"; },
      [](const BatchNorm&) { return "batch_norm"; },
      [](const LocalResponseNorm&) { return "lrn"; },
      [](const Dropout&) { return "dropout"; },
      [](const Activate& activate) { return word_of(activate.kind); },
      [](const Add&) { return "add"; },
      [](const Concat&) { return "concat"; },
      [](const CircularPad&) { return "circular_pad"; },
  };
  return std::visit(name, operation);
}

std::string default_name_of(const Operation& operation) {
  const Overloaded name{
      [](const Pool2d& pool) { return pool.kind == PoolKind::max ? "max_pooling2d" : "average_pooling2d"; },
      [](const GlobalPool& pool) {
        return pool.kind == PoolKind::max ? "global_max_pooling2d" : "global_average_pooling2d";
      },
      [](const BatchNorm&) { return "batch_normalization"; },
      [](const Activate&) { return "activation"; },
      [](const Concat&) { return "concatenate"; },
      [](const auto&) { return ""; },
  };
  const std::string given = std::visit(name, operation);
  return given.empty() ? type_of(operation) : given;
}

void apply_rules(Layer& layer, PaddingMode padding, const std::vector<SampleShape>& inputs,
                 const std::string& source) {
  const Context context{layer, padding, inputs, place_of(layer, source)};
  std::visit([&](auto& operation) { apply(context, operation); }, layer.operation);
  check_totals(context);
}

}  // namespace annulus::trainer
