// The primitives of oneDNN that the CPU backend runs, described in one way for both of the library's
// interfaces: version 2 wants an operation descriptor for each, version 3 has none. Nothing else in the
// backend knows which one is installed.
//
// Every function throws dnnl::error when the library refuses (callers wrap it in checked(), onednn.hpp).
// Scratch memory is the caller's. Layouts are memory descriptors; `hint` is the forward pass that belongs to
// a backward one.
#pragma once

#include "trainer/backend/cpu/onednn.hpp"

namespace annulus::trainer::cpu {

using Attributes = dnnl::primitive_attr;

/// Extents of a tensor, outermost first.
Dims extents(const Desc& desc);

dnnl::memory::data_type element_type(const Desc& desc);

/// How a layout stores a tensor: strides of the outer blocks in elements, then blocks within blocks,
/// outermost first, with the dimension that each one cuts.
struct Blocking {
  Dims strides, inner_blocks, inner_dims;
};
/// @pre the layout is plain or blocked, not opaque
Blocking blocking(const Desc& desc);

/// The same layout for another number of samples (dimension 0, which is outermost).
/// @throws RuntimeError for layouts that the library cannot be asked for by name
Desc with_samples(const Desc& desc, std::int64_t samples);

/// Attributes of a primitive that takes its scratch memory from its caller: the library's own is not safe
/// across threads.
Attributes user_scratchpad();

/// Adds a function of each output element, with oneDNN's alpha and beta at 0.
void append_elementwise(Attributes& attributes, dnnl::algorithm function);

/// Images (n, c, h, w), kernels (o, i, h, w) or (g, o, i, h, w). A bias without extents means none.
struct ConvolutionCall {
  dnnl::algorithm algorithm;
  Desc source, kernel, bias, target;
  Dims strides, dilates, padding_low, padding_high;  ///< dilates: 0 = none
};
dnnl::convolution_forward::primitive_desc describe_forward(const dnnl::engine& engine,
                                                           const ConvolutionCall& call,
                                                           const Attributes& attributes);
dnnl::convolution_backward_data::primitive_desc describe_backward_data(
    const dnnl::engine& engine, const ConvolutionCall& call,
    const dnnl::convolution_forward::primitive_desc& hint);
dnnl::convolution_backward_weights::primitive_desc describe_backward_weights(
    const dnnl::engine& engine, const ConvolutionCall& call,
    const dnnl::convolution_forward::primitive_desc& hint);

/// Matrices (n, inputs), kernels (units, inputs). A bias without extents means none.
struct InnerProductCall {
  Desc source, kernel, bias, target;
};
dnnl::inner_product_forward::primitive_desc describe_forward(const dnnl::engine& engine,
                                                             const InnerProductCall& call,
                                                             const Attributes& attributes);
dnnl::inner_product_backward_data::primitive_desc describe_backward_data(
    const dnnl::engine& engine, const InnerProductCall& call,
    const dnnl::inner_product_forward::primitive_desc& hint);
dnnl::inner_product_backward_weights::primitive_desc describe_backward_weights(
    const dnnl::engine& engine, const InnerProductCall& call,
    const dnnl::inner_product_forward::primitive_desc& hint);

struct PoolCall {
  dnnl::algorithm algorithm;
  Desc source, target;
  Dims strides, window, padding_low, padding_high;
};
dnnl::pooling_forward::primitive_desc describe_forward(const dnnl::engine& engine, dnnl::prop_kind kind,
                                                       const PoolCall& call);
dnnl::pooling_backward::primitive_desc describe_backward(const dnnl::engine& engine, const PoolCall& call,
                                                         const dnnl::pooling_forward::primitive_desc& hint);

/// Local response normalisation across channels.
struct LrnCall {
  Desc source;  ///< and of the target
  std::int64_t size;
  float alpha, beta, k;
};
dnnl::lrn_forward::primitive_desc describe_forward(const dnnl::engine& engine, dnnl::prop_kind kind,
                                                   const LrnCall& call);
dnnl::lrn_backward::primitive_desc describe_backward(const dnnl::engine& engine, const LrnCall& call,
                                                     const Desc& target_gradient,
                                                     const dnnl::lrn_forward::primitive_desc& hint);

struct BatchNormCall {
  Desc source;  ///< and of the target
  float epsilon;
  dnnl::normalization_flags flags;
};
dnnl::batch_normalization_forward::primitive_desc describe_forward(const dnnl::engine& engine,
                                                                   dnnl::prop_kind kind,
                                                                   const BatchNormCall& call);
dnnl::batch_normalization_backward::primitive_desc describe_backward(
    const dnnl::engine& engine, const BatchNormCall& call, const Desc& target_gradient,
    const dnnl::batch_normalization_forward::primitive_desc& hint);

/// Whether the backward pass counts the shift among its arguments, although it has no use for it: oneDNN 2
/// asks for it, oneDNN 3 refuses it.
extern const bool kBackwardWantsShift;

/// In inference, a function of each element, in place or not.
dnnl::eltwise_forward::primitive_desc describe_elementwise(const dnnl::engine& engine,
                                                           dnnl::algorithm function, const Desc& desc);

}  // namespace annulus::trainer::cpu
