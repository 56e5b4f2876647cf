// Small helpers that steps share.
#include "trainer/backend/cpu/step.hpp"

namespace annulus::trainer::cpu {

std::string step_name(const LayerRef& ref, const Desc& desc) {
  return fmt::format("{} ({}) on ({})", ref.layer.name, ref.layer.type, dims_name(desc.dims()));
}

std::vector<std::uint32_t> sample_order(const Desc& desc) {
  const OffsetTables tables = offset_tables(desc);
  std::vector<std::uint32_t> order;
  for (const std::size_t h : tables[2])
    for (const std::size_t w : tables[3])
      for (const std::size_t c : tables[1]) order.push_back(static_cast<std::uint32_t>(c + h + w));
  return order;
}

dnnl::primitive_attr user_scratchpad() {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attributes;
}

void append_activation(dnnl::primitive_attr& attributes, Activation kind) {
  using dnnl::algorithm;
  const algorithm function = kind == Activation::relu      ? algorithm::eltwise_relu
                             : kind == Activation::sigmoid ? algorithm::eltwise_logistic
                                                           : algorithm::eltwise_tanh;
  dnnl::post_ops operations;
  operations.append_eltwise(1.0f, function, 0.0f, 0.0f);
  attributes.set_post_ops(operations);
}

}  // namespace annulus::trainer::cpu
