// Keys and checks of dropout, which costs nothing in inference.
#include "trainer/model/layers/dropout.hpp"

#include "trainer/model/layers/layer_rules.hpp"

namespace annulus::trainer {

void LayerTraits<Dropout>::describe(Fields& fields, Dropout& dropout) {
  fields.number("rate", dropout.rate, {0, 1, Limits::Ends::high_open});
}

void LayerTraits<Dropout>::infer(const LayerContext& context, Dropout& dropout) {
  if (!(dropout.rate >= 0 && dropout.rate < 1)) {
    throw UsageError("{}: rate = {} must lie in [0, 1): it is the share of values set to zero.",
                     context.place, dropout.rate);
  }
  context.layer.output = context.layer.input;
}

Cost LayerTraits<Dropout>::cost(const LayerNode&, const Dropout&) { return {}; }

}  // namespace annulus::trainer
