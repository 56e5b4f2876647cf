// From layers to oneDNN's descriptors.
#include "trainer/backend/cpu/convolution_planner.hpp"

namespace annulus::trainer::cpu {

ConvolutionGeometry convolution_geometry(const Layer& layer, std::int64_t samples) {
  const auto& conv = std::get<Conv2d>(layer.operation);
  const std::int64_t channels = layer.input.channels, groups = conv.groups;
  ConvolutionGeometry g;
  g.source = {samples, channels, layer.input.height, layer.input.width};
  g.target = {samples, conv.filters, layer.output.height, layer.output.width};
  g.kernel = {conv.filters / groups, channels / groups, conv.kernel.height, conv.kernel.width};
  if (groups > 1) g.kernel.insert(g.kernel.begin(), groups);
  g.strides = {conv.stride.height, conv.stride.width};
  g.dilates = {conv.dilation.height - 1, conv.dilation.width - 1};
  g.padding_low = {conv.padding.top, conv.padding.left};
  g.padding_high = {conv.padding.bottom, conv.padding.right};
  g.bias = conv.bias;
  return g;
}

bool is_plain_3x3(const Conv2d& conv) {
  return conv.kernel == Size2{3, 3} && conv.stride == Size2{1, 1} && conv.dilation == Size2{1, 1} &&
         conv.groups == 1;
}

bool winograd_pays(const Layer& layer) {
  const auto& conv = std::get<Conv2d>(layer.operation);
  return is_plain_3x3(conv) && layer.input.channels >= 16 && conv.filters >= 16;
}

OffsetTables kernel_offsets(const Desc& kernel, std::int64_t filters) {
  OffsetTables tables = offset_tables(kernel);
  if (tables.size() == 4) return {tables[2], tables[3], tables[1], tables[0]};
  const std::int64_t each = filters / static_cast<std::int64_t>(tables[0].size());
  std::vector<std::size_t> output;
  for (std::int64_t o = 0; o < filters; ++o)
    output.push_back(tables[0][static_cast<std::size_t>(o / each)] +
                     tables[1][static_cast<std::size_t>(o % each)]);
  return {tables[3], tables[4], tables[2], output};
}

ConvolutionCall ConvolutionPlanner::call(const Desc& source, const Desc& kernel, const Desc& target) const {
  return {kind_,      source,         kernel,         g_.bias ? bias() : Desc(), target, g_.strides,
          g_.dilates, g_.padding_low, g_.padding_high};
}

auto ConvolutionPlanner::forward(const ConvolutionLayouts& layouts, const Desc& kernel,
                                 Activation activation) const -> Forward::primitive_desc {
  return describe_forward(engine_, call(layouts.source, kernel, layouts.target), with_activation(activation));
}

auto ConvolutionPlanner::backward_data(const Forward::primitive_desc& hint, const Desc& kernel) const
    -> BackwardData::primitive_desc {
  return describe_backward_data(engine_, call(hint.src_desc(), kernel, hint.dst_desc()), hint);
}

auto ConvolutionPlanner::backward_weights(const Forward::primitive_desc& hint, const Desc& kernel) const
    -> BackwardWeights::primitive_desc {
  return describe_backward_weights(engine_, call(hint.src_desc(), kernel, hint.dst_desc()), hint);
}

Desc ConvolutionPlanner::bias() const {
  const bool grouped = g_.kernel.size() == 5;
  return float_desc({grouped ? g_.kernel[0] * g_.kernel[1] : g_.kernel[0]}, Tag::a);
}

}  // namespace annulus::trainer::cpu
