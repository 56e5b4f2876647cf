// Descriptors of oneDNN's convolutions: what the steps that run them have in common.
#pragma once

#include "trainer/backend/cpu/step.hpp"

namespace annulus::trainer::cpu {

/// What a convolution's descriptors are made of.
struct ConvolutionGeometry {
  Dims source, kernel, target;
  Dims strides, dilates, padding_low, padding_high;
  bool bias = true;
};

/// @pre the layer is a convolution
ConvolutionGeometry convolution_geometry(const Layer& layer, std::int64_t samples);

/// 3x3 with stride 1, no dilation, no groups.
bool is_plain_3x3(const Conv2d& conv);

/// Whether Winograd's algorithm does less arithmetic: 3x3 with stride 1 and at least 16 channels on both
/// sides.
bool winograd_pays(const Layer& layer);

/// Where the elements of a kernel lie, in Keras' order (kh, kw, in, out).
OffsetTables kernel_offsets(const Desc& kernel, std::int64_t filters);

/// Of the images that go in and come out.
struct ConvolutionLayouts {
  Desc source, target;
};

/// The three primitives' descriptors for one algorithm. Geometry and engine outlive it.
/// All throw dnnl::error when the library refuses.
class ConvolutionPlanner {
 public:
  using Forward = dnnl::convolution_forward;
  using BackwardData = dnnl::convolution_backward_data;
  using BackwardWeights = dnnl::convolution_backward_weights;

  ConvolutionPlanner(const ConvolutionGeometry& geometry, dnnl::algorithm kind, const dnnl::engine& engine)
      : g_(geometry), kind_(kind), engine_(engine) {}

  Forward::primitive_desc forward(const ConvolutionLayouts& layouts, const Desc& kernel,
                                  Activation activation) const;
  BackwardData::primitive_desc backward_data(const Forward::primitive_desc& hint, const Desc& kernel) const;
  BackwardWeights::primitive_desc backward_weights(const Forward::primitive_desc& hint,
                                                   const Desc& kernel) const;
  Desc any_kernel() const { return float_desc(g_.kernel, Tag::any); }
  Desc bias() const;

 private:
  ConvolutionCall call(const Desc& source, const Desc& kernel, const Desc& target) const;

  const ConvolutionGeometry& g_;
  dnnl::algorithm kind_;
  const dnnl::engine& engine_;
};

}  // namespace annulus::trainer::cpu
