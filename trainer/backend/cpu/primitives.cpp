// Versions 2 and 3 of oneDNN's interface, side by side.
#include "trainer/backend/cpu/primitives.hpp"

namespace annulus::trainer::cpu {
namespace {

#if DNNL_VERSION_MAJOR >= 3

/// Words in version 3's order; without a hint for forward passes.
template <class Primitive, class... Words>
typename Primitive::primitive_desc forward(const dnnl::engine& engine, const Attributes& attributes,
                                           const Words&... words) {
  return {engine, words..., attributes};
}
template <class Primitive, class Hint, class... Words>
typename Primitive::primitive_desc backward(const dnnl::engine& engine, const Hint& hint,
                                            const Words&... words) {
  return {engine, words..., hint, user_scratchpad()};
}

#else

template <class Primitive, class... Words>
typename Primitive::primitive_desc forward(const dnnl::engine& engine, const Attributes& attributes,
                                           const Words&... words) {
  return {typename Primitive::desc(words...), attributes, engine};
}
template <class Primitive, class Hint, class... Words>
typename Primitive::primitive_desc backward(const dnnl::engine& engine, const Hint& hint,
                                            const Words&... words) {
  return {typename Primitive::desc(words...), user_scratchpad(), engine, hint};
}

#endif

constexpr float kNoAlpha = 0.0f, kNoBeta = 0.0f;

}  // namespace

Attributes user_scratchpad() {
  Attributes attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attributes;
}

dnnl::convolution_forward::primitive_desc describe_forward(const dnnl::engine& engine,
                                                           const ConvolutionCall& call,
                                                           const Attributes& attributes) {
  // In inference too: what it prefers for inference alone needs other layouts, and so reorders of the
  // kernels.
  return forward<dnnl::convolution_forward>(engine, attributes, dnnl::prop_kind::forward_training,
                                            call.algorithm, call.source, call.kernel, call.bias, call.target,
                                            call.strides, call.dilates, call.padding_low, call.padding_high);
}

dnnl::convolution_backward_data::primitive_desc describe_backward_data(
    const dnnl::engine& engine, const ConvolutionCall& call,
    const dnnl::convolution_forward::primitive_desc& hint) {
  return backward<dnnl::convolution_backward_data>(engine, hint, call.algorithm, call.source, call.kernel,
                                                   call.target, call.strides, call.dilates, call.padding_low,
                                                   call.padding_high);
}

dnnl::convolution_backward_weights::primitive_desc describe_backward_weights(
    const dnnl::engine& engine, const ConvolutionCall& call,
    const dnnl::convolution_forward::primitive_desc& hint) {
  return backward<dnnl::convolution_backward_weights>(engine, hint, call.algorithm, call.source, call.kernel,
                                                      call.bias, call.target, call.strides, call.dilates,
                                                      call.padding_low, call.padding_high);
}

dnnl::inner_product_forward::primitive_desc describe_forward(const dnnl::engine& engine,
                                                             const InnerProductCall& call,
                                                             const Attributes& attributes) {
  return forward<dnnl::inner_product_forward>(engine, attributes, dnnl::prop_kind::forward_training,
                                              call.source, call.kernel, call.bias, call.target);
}

dnnl::inner_product_backward_data::primitive_desc describe_backward_data(
    const dnnl::engine& engine, const InnerProductCall& call,
    const dnnl::inner_product_forward::primitive_desc& hint) {
  return backward<dnnl::inner_product_backward_data>(engine, hint, call.source, call.kernel, call.target);
}

dnnl::inner_product_backward_weights::primitive_desc describe_backward_weights(
    const dnnl::engine& engine, const InnerProductCall& call,
    const dnnl::inner_product_forward::primitive_desc& hint) {
  return backward<dnnl::inner_product_backward_weights>(engine, hint, call.source, call.kernel, call.bias,
                                                        call.target);
}

#if DNNL_VERSION_MAJOR >= 3

const bool kBackwardWantsShift = false;

Dims extents(const Desc& desc) { return desc.get_dims(); }
dnnl::memory::data_type element_type(const Desc& desc) { return desc.get_data_type(); }

Blocking blocking(const Desc& desc) {
  expect_contract(desc.get_format_kind() == dnnl::memory::format_kind::blocked,
                  "only plain and blocked layouts");
  return {desc.get_strides(), desc.get_inner_blks(), desc.get_inner_idxs()};
}

Desc with_samples(const Desc& desc, std::int64_t samples) {
  Dims dims = desc.get_dims();
  for (const Tag tag : {Tag::ab, Tag::abcd, Tag::acdb, Tag::aBcd16b, Tag::aBcd8b, Tag::aBcd4b}) {
    if ((tag == Tag::ab) != (dims.size() == 2) || !(desc == float_desc(dims, tag))) continue;
    dims[0] = samples;
    return float_desc(dims, tag);
  }
  throw RuntimeError(
      "oneDNN chose a layout for images of ({}) that has no name here. Please report this, with the version of oneDNN that `annulus doctor` shows.",
      dims_name(dims));
}

void append_elementwise(Attributes& attributes, dnnl::algorithm function) {
  dnnl::post_ops operations;
  operations.append_eltwise(function, kNoAlpha, kNoBeta);
  attributes.set_post_ops(operations);
}

dnnl::pooling_forward::primitive_desc describe_forward(const dnnl::engine& engine, dnnl::prop_kind kind,
                                                       const PoolCall& call) {
  return {engine,      kind,       call.algorithm,   call.source,       call.target,      call.strides,
          call.window, Dims{0, 0}, call.padding_low, call.padding_high, user_scratchpad()};
}

dnnl::pooling_backward::primitive_desc describe_backward(const dnnl::engine& engine, const PoolCall& call,
                                                         const dnnl::pooling_forward::primitive_desc& hint) {
  return {engine,     call.algorithm,   call.source,       call.target, call.strides,     call.window,
          Dims{0, 0}, call.padding_low, call.padding_high, hint,        user_scratchpad()};
}

dnnl::lrn_forward::primitive_desc describe_forward(const dnnl::engine& engine, dnnl::prop_kind kind,
                                                   const LrnCall& call) {
  return {engine,           kind,        dnnl::algorithm::lrn_across_channels,
          call.source,      call.source, call.size,
          call.alpha,       call.beta,   call.k,
          user_scratchpad()};
}

dnnl::lrn_backward::primitive_desc describe_backward(const dnnl::engine& engine, const LrnCall& call,
                                                     const Desc& target_gradient,
                                                     const dnnl::lrn_forward::primitive_desc& hint) {
  return {engine,           dnnl::algorithm::lrn_across_channels,
          call.source,      target_gradient,
          call.source,      call.size,
          call.alpha,       call.beta,
          call.k,           hint,
          user_scratchpad()};
}

dnnl::batch_normalization_forward::primitive_desc describe_forward(const dnnl::engine& engine,
                                                                   dnnl::prop_kind kind,
                                                                   const BatchNormCall& call) {
  return {engine, kind, call.source, call.source, call.epsilon, call.flags, user_scratchpad()};
}

dnnl::batch_normalization_backward::primitive_desc describe_backward(
    const dnnl::engine& engine, const BatchNormCall& call, const Desc& target_gradient,
    const dnnl::batch_normalization_forward::primitive_desc& hint) {
  return {
      engine, dnnl::prop_kind::backward, call.source, target_gradient, call.source, call.epsilon, call.flags,
      hint,   user_scratchpad()};
}

dnnl::eltwise_forward::primitive_desc describe_elementwise(const dnnl::engine& engine,
                                                           dnnl::algorithm function, const Desc& desc) {
  return {engine,           dnnl::prop_kind::forward_inference, function, desc, desc, kNoAlpha, kNoBeta,
          user_scratchpad()};
}

#else

const bool kBackwardWantsShift = true;

Dims extents(const Desc& desc) { return desc.dims(); }
dnnl::memory::data_type element_type(const Desc& desc) { return desc.data_type(); }

Blocking blocking(const Desc& desc) {
  const dnnl_memory_desc_t& data = desc.data;
  expect_contract(data.format_kind == dnnl_blocked, "only plain and blocked layouts");
  const dnnl_blocking_desc_t& blocks = data.format_desc.blocking;
  return {Dims(blocks.strides, blocks.strides + data.ndims),
          Dims(blocks.inner_blks, blocks.inner_blks + blocks.inner_nblks),
          Dims(blocks.inner_idxs, blocks.inner_idxs + blocks.inner_nblks)};
}

Desc with_samples(const Desc& desc, std::int64_t samples) {
  Desc changed = desc;
  changed.data.dims[0] = changed.data.padded_dims[0] = samples;  // outermost: their number changes no stride
  return changed;
}

void append_elementwise(Attributes& attributes, dnnl::algorithm function) {
  dnnl::post_ops operations;
  operations.append_eltwise(1.0f, function, kNoAlpha, kNoBeta);
  attributes.set_post_ops(operations);
}

dnnl::pooling_forward::primitive_desc describe_forward(const dnnl::engine& engine, dnnl::prop_kind kind,
                                                       const PoolCall& call) {
  return forward<dnnl::pooling_forward>(engine, user_scratchpad(), kind, call.algorithm, call.source,
                                        call.target, call.strides, call.window, call.padding_low,
                                        call.padding_high);
}

dnnl::pooling_backward::primitive_desc describe_backward(const dnnl::engine& engine, const PoolCall& call,
                                                         const dnnl::pooling_forward::primitive_desc& hint) {
  return backward<dnnl::pooling_backward>(engine, hint, call.algorithm, call.source, call.target,
                                          call.strides, call.window, call.padding_low, call.padding_high);
}

dnnl::lrn_forward::primitive_desc describe_forward(const dnnl::engine& engine, dnnl::prop_kind kind,
                                                   const LrnCall& call) {
  return forward<dnnl::lrn_forward>(engine, user_scratchpad(), kind, dnnl::algorithm::lrn_across_channels,
                                    call.source, call.size, call.alpha, call.beta, call.k);
}

dnnl::lrn_backward::primitive_desc describe_backward(const dnnl::engine& engine, const LrnCall& call,
                                                     const Desc& target_gradient,
                                                     const dnnl::lrn_forward::primitive_desc& hint) {
  return backward<dnnl::lrn_backward>(engine, hint, dnnl::algorithm::lrn_across_channels, call.source,
                                      target_gradient, call.size, call.alpha, call.beta, call.k);
}

dnnl::batch_normalization_forward::primitive_desc describe_forward(const dnnl::engine& engine,
                                                                   dnnl::prop_kind kind,
                                                                   const BatchNormCall& call) {
  return forward<dnnl::batch_normalization_forward>(engine, user_scratchpad(), kind, call.source,
                                                    call.epsilon, call.flags);
}

dnnl::batch_normalization_backward::primitive_desc describe_backward(
    const dnnl::engine& engine, const BatchNormCall& call, const Desc& target_gradient,
    const dnnl::batch_normalization_forward::primitive_desc& hint) {
  return backward<dnnl::batch_normalization_backward>(engine, hint, dnnl::prop_kind::backward,
                                                      target_gradient, call.source, call.epsilon, call.flags);
}

dnnl::eltwise_forward::primitive_desc describe_elementwise(const dnnl::engine& engine,
                                                           dnnl::algorithm function, const Desc& desc) {
  return forward<dnnl::eltwise_forward>(engine, user_scratchpad(), dnnl::prop_kind::forward_inference,
                                        function, desc, kNoAlpha, kNoBeta);
}

#endif

}  // namespace annulus::trainer::cpu
