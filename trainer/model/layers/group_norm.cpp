// Keys, parameters and cost of group normalisation.
#include "trainer/model/layers/group_norm.hpp"

#include <fmt/ranges.h>

#include "trainer/model/layers/layer_rules.hpp"

namespace annulus::trainer {
namespace {

std::vector<std::int64_t> divisors(std::int64_t number) {
  std::vector<std::int64_t> found;
  for (std::int64_t d = 1; d <= number; ++d)
    if (number % d == 0) found.push_back(d);
  return found;
}

}  // namespace

void LayerTraits<GroupNorm>::describe(Fields& fields, GroupNorm& norm) {
  fields.integer("groups", norm.groups, kChannelCounts);
  fields.number("epsilon", norm.epsilon, {0, 1, Limits::Ends::low_open});
}

void LayerTraits<GroupNorm>::infer(const LayerContext& context, GroupNorm& norm) {
  LayerNode& layer = context.layer;
  const std::int64_t channels = layer.input.channels;
  require_range(context, "groups", norm.groups, NetworkLimits::kChannels);
  if (channels % norm.groups != 0) {
    throw UsageError(
        "{}: groups = {} must divide the {} channels of its input, because every group takes an equal share of them. Try one of {}.",
        context.place, norm.groups, channels, fmt::join(divisors(channels), ", "));
  }
  if (!(norm.epsilon > 0)) throw UsageError("{}: epsilon = {} must be above 0.", context.place, norm.epsilon);
  layer.output = layer.input;
  layer.parameters = {vector_parameter("gamma", channels, Initializer::ones),
                      vector_parameter("beta", channels, Initializer::zeros)};
}

Cost LayerTraits<GroupNorm>::cost(const LayerNode& layer, const GroupNorm&) {
  return {.connections = 2 * layer.output.size(), .flops = 6 * layer.output.size()};
}

}  // namespace annulus::trainer
