// Keys, checks and cost of local response normalisation.
#include "trainer/model/layers/local_response_norm.hpp"

#include <algorithm>

#include "trainer/model/layers/layer_rules.hpp"

namespace annulus::trainer {

void LayerTraits<LocalResponseNorm>::describe(Fields& fields, LocalResponseNorm& norm) {
  fields.integer("size", norm.size, kChannelCounts);
  fields.number("alpha", norm.alpha, {0, 1e6});
  fields.number("beta", norm.beta, {0, 1e3, Limits::Ends::low_open});
  fields.number("k", norm.k, {0, 1e6, Limits::Ends::low_open});
}

void LayerTraits<LocalResponseNorm>::infer(const LayerContext& context, LocalResponseNorm& norm) {
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

Cost LayerTraits<LocalResponseNorm>::cost(const LayerNode& layer, const LocalResponseNorm& norm) {
  return {.flops = layer.output.size() * (2 * norm.size + 3)};
}

}  // namespace annulus::trainer
