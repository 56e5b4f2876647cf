// Our own kernels as calls: each is plain data and one function that enqueues it. Tensors are untyped here,
// with their element type beside them; the .cu files choose the instance.
#pragma once

#include <cstdint>

#include "trainer/backend/cuda/kernels/activation_body.hpp"
#include "trainer/backend/cuda/kernels/column_sums.hpp"
#include "trainer/backend/cuda/kernels/convolution_body.hpp"
#include "trainer/backend/cuda/kernels/dropout_body.hpp"
#include "trainer/backend/cuda/kernels/normalisation_body.hpp"
#include "trainer/backend/cuda/kernels/pool_body.hpp"
#include "trainer/backend/cuda/kernels/structure_body.hpp"

/// As CUDA declares it, so that this header is plain.
typedef struct CUstream_st* cudaStream_t;

namespace annulus::trainer::cuda {

/// All enqueue functions: only enqueue, allocate nothing, may be captured. @throws RuntimeError when a launch
/// fails

/// y = activated(x); y may be x.
struct ActivationCall {
  Element element;
  const void* x;
  void* y;
  std::int64_t count;
  Activation kind;
};
void enqueue(const ActivationCall& call, cudaStream_t stream);

/// dx = dy * derivative(y); dx may be dy.
struct DerivativeCall {
  Element element;
  const void* y;
  const void* dy;
  void* dx;
  std::int64_t count;
  Activation kind;
};
void enqueue(const DerivativeCall& call, cudaStream_t stream);

/// y = activated(y + bias) in place; `bias` (channels) has the element type of y and may be null.
struct BiasActivationCall {
  Element element;
  void* y;
  const void* bias;
  std::int64_t count;
  std::int32_t channels;
  Activation kind;
};
void enqueue(const BiasActivationCall& call, cudaStream_t stream);

/// y = activated(sum of 2 to kMostTerms terms); y may be one of them.
struct SumCall {
  Element element;
  const void* terms[kMostTerms];
  int terms_count;
  void* y;
  std::int64_t count;
  Activation kind;
};
void enqueue(const SumCall& call, cudaStream_t stream);

struct ConvertCall {
  Element from_element;
  const void* from;
  Element to_element;
  void* to;
  std::int64_t count;
};
void enqueue(const ConvertCall& call, cudaStream_t stream);

struct PadCall {
  Element element;
  const void* inner;
  void* outer;
  Frame frame;
  std::int64_t samples;
};
void enqueue(const PadCall& call, cudaStream_t stream);

struct CropCall {
  Element element;
  const void* outer;
  void* inner;
  Frame frame;
  std::int64_t samples;
};
void enqueue(const CropCall& call, cudaStream_t stream);

/// Copies columns from one matrix into another, converted.
struct CopyColumnsCall {
  Element from_element;
  const void* from;
  Columns source;
  Element to_element;
  void* to;
  Columns target;
  std::int32_t columns;
  std::int64_t rows;
};
void enqueue(const CopyColumnsCall& call, cudaStream_t stream);

struct GatherRowsCall {
  GatherRowsBody body;
  std::int64_t rows;
};
void enqueue(const GatherRowsCall& call, cudaStream_t stream);

/// The outer image goes on at the opposite edge of the inner one.
struct WrapCall {
  Element element;
  const void* inner;
  void* outer;
  Frame frame;
  std::int64_t samples;
};
void enqueue(const WrapCall& call, cudaStream_t stream);

/// Its gradient.
struct UnwrapCall {
  Element element;
  const void* outer;
  void* inner;
  Frame frame;
  std::int64_t samples;
};
void enqueue(const UnwrapCall& call, cudaStream_t stream);

/// target[places[i]] = 0.
struct ZeroCall {
  float* target;
  const std::uint32_t* places;
  std::int64_t count;
};
void enqueue(const ZeroCall& call, cudaStream_t stream);

struct DropoutCall {
  Element element;
  const void* from;
  void* to;
  const void* gate;  ///< or null
  const std::uint64_t* samples;
  const StepScalars* scalars;
  DropoutMaskOf mask;
  std::int64_t sample_size;
  std::int64_t samples_count;
};
void enqueue(const DropoutCall& call, cudaStream_t stream);

struct MaxPoolForwardCall {
  Element element;
  const void* x;
  void* y;
  std::uint16_t* winners;  ///< or null
  PoolShape shape;
  std::int64_t samples;
  PendingRelu relu;
};
void enqueue(const MaxPoolForwardCall& call, cudaStream_t stream);

struct MaxPoolBackwardCall {
  Element element;
  const void* dy;
  const std::uint16_t* winners;
  void* dx;
  PoolShape shape;
  std::int64_t samples;
};
void enqueue(const MaxPoolBackwardCall& call, cudaStream_t stream);

struct AveragePoolForwardCall {
  Element element;
  const void* x;
  void* y;
  PoolShape shape;
  std::int64_t samples;
};
void enqueue(const AveragePoolForwardCall& call, cudaStream_t stream);

struct AveragePoolBackwardCall {
  Element element;
  const void* dy;
  void* dx;
  PoolShape shape;
  std::int64_t samples;
};
void enqueue(const AveragePoolBackwardCall& call, cudaStream_t stream);

/// The plain convolutions of convolution_body.hpp.
struct ConvolutionForwardCall {
  Element element;
  const void* x;
  const void* kernel;
  void* y;
  ConvolutionShape shape;
};
void enqueue(const ConvolutionForwardCall& call, cudaStream_t stream);

struct ConvolutionDataCall {
  Element element;
  const void* dy;
  const void* kernel;
  void* dx;
  ConvolutionShape shape;
};
void enqueue(const ConvolutionDataCall& call, cudaStream_t stream);

struct ConvolutionKernelCall {
  Element element;
  const void* x;
  const void* dy;
  void* dkernel;
  ConvolutionShape shape;
};
void enqueue(const ConvolutionKernelCall& call, cudaStream_t stream);

/// gradient[c] = sum of dy over the rows; dy becomes dy * derivative(y) unless kind is none.
struct BiasGradientCall {
  Element element;
  void* dy;
  const void* y;
  Activation kind;
  float* gradient;
  ColumnPlan plan;
  float* partials;  ///< plan.partials(1) floats
};
void enqueue(const BiasGradientCall& call, cudaStream_t stream);

struct StatisticsCall {
  Element element;
  const void* x;
  float samples;
  float epsilon;
  float* mean;
  float* inverse_deviation;
  float* mean_sum;
  float* variance_sum;
  ColumnPlan plan;
  float* partials;  ///< plan.partials(2) floats
};
void enqueue(const StatisticsCall& call, cudaStream_t stream);

struct MovingStatisticsCall {
  MovingStatisticsBody body;
  std::int64_t channels;
};
void enqueue(const MovingStatisticsCall& call, cudaStream_t stream);

struct BatchNormForwardCall {
  Element element;
  const void* x;
  void* y;
  ChannelStatistics of;
  Activation kind;
  std::int64_t count;
};
void enqueue(const BatchNormForwardCall& call, cudaStream_t stream);

/// Gradients of gamma and beta; dy becomes dy * derivative(y) unless kind is none.
struct BatchNormGradientCall {
  Element element;
  const void* x;
  const void* y;
  void* dy;
  ChannelStatistics of;
  Activation kind;
  float* dgamma;
  float* dbeta;
  ColumnPlan plan;
  float* partials;  ///< plan.partials(2) floats
};
void enqueue(const BatchNormGradientCall& call, cudaStream_t stream);

struct BatchNormBackwardCall {
  Element element;
  const void* x;
  const void* dy;
  void* dx;
  ChannelStatistics of;
  const float* dgamma;
  const float* dbeta;
  std::int64_t rows;
};
void enqueue(const BatchNormBackwardCall& call, cudaStream_t stream);

struct ResponseNormForwardCall {
  Element element;
  const void* x;
  void* y;
  float* scale;  ///< or null
  ResponseNormShape shape;
  std::int64_t count;
};
void enqueue(const ResponseNormForwardCall& call, cudaStream_t stream);

struct ResponseNormBackwardCall {
  Element element;
  const void* x;
  const void* dy;
  const float* scale;
  void* dx;
  ResponseNormShape shape;
  std::int64_t count;
};
void enqueue(const ResponseNormBackwardCall& call, cudaStream_t stream);

/// Loss and gradient of all samples, and the head of the gradient buffer: sums in the order of the samples'
/// tree.
struct LossCall {
  Element logits_element;
  const void* logits;
  const std::int32_t* labels;
  const float* class_weights;  ///< or null
  Element gradient_element;
  void* gradient;  ///< or null
  std::int32_t classes;
  std::int64_t samples;
  float smoothing;
  float* row_sums;  ///< loss_scratch(samples) floats
  float* head;      ///< kLossHead floats: loss, correct, samples, zeros
};
void enqueue(const LossCall& call, cudaStream_t stream);
constexpr int kLossHead = 16;
constexpr std::int64_t loss_scratch(std::int64_t samples) { return 2 * samples; }

struct SoftmaxCall {
  Element element;
  const void* logits;
  float* probabilities;
  std::int32_t classes;
  std::int64_t samples;
};
void enqueue(const SoftmaxCall& call, cudaStream_t stream);

/// *found = index of the first value that is NaN or Inf, or -1. Slow: for debug runs.
struct FindBadCall {
  Element element;
  const void* values;
  std::int64_t count;
  std::int64_t* found;
};
void enqueue(const FindBadCall& call, cudaStream_t stream);

}  // namespace annulus::trainer::cuda
