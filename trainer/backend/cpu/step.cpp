// Small helpers that steps share.
#include "trainer/backend/cpu/step.hpp"

namespace annulus::trainer::cpu {

std::string step_name(const LayerRef& ref, const Desc& desc) {
  return fmt::format("{} ({}) on ({})", ref.layer.name, ref.layer.type, dims_name(extents(desc)));
}

std::vector<std::uint32_t> sample_order(const Desc& desc) {
  const OffsetTables tables = offset_tables(desc);
  std::vector<std::uint32_t> order;
  for (const std::size_t h : tables[2])
    for (const std::size_t w : tables[3])
      for (const std::size_t c : tables[1]) order.push_back(static_cast<std::uint32_t>(c + h + w));
  return order;
}

dnnl::algorithm function_of(Activation kind) {
  using dnnl::algorithm;
  return kind == Activation::relu      ? algorithm::eltwise_relu
         : kind == Activation::sigmoid ? algorithm::eltwise_logistic
                                       : algorithm::eltwise_tanh;
}

Attributes with_activation(Activation kind) {
  Attributes attributes = user_scratchpad();
  if (kind != Activation::none) append_elementwise(attributes, function_of(kind));
  return attributes;
}

}  // namespace annulus::trainer::cpu
