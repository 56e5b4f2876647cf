// Backward of what lies between the product of a convolution or dense layer and its output: the derivative of
// the activation, and the gradient of the bias.
#pragma once

#include "trainer/backend/cuda/kernels/column_sums.hpp"
#include "trainer/backend/cuda/steps/steps.hpp"

namespace annulus::trainer::cuda {

/// What the layer has of it.
struct BiasGradientOptions {
  int parameter = 0;               ///< index of the bias among the layer's parameters
  bool bias = true;                ///< false: only the derivative
  Activation own_derivative = {};  ///< Tail::own_derivative
};

/// Planned once, enqueued in every backward before the products that read dy.
class BiasGradient {
 public:
  BiasGradient() = default;  ///< of an inference program
  /// Notes the memory that the current step's backward uses for it. @param output  its last extent is that of
  /// the bias
  BiasGradient(Compiler& compiler, const LayerRef& ref, const Value& output,
               const BiasGradientOptions& options);

  /// dy *= derivative, in place, and sums dy over all rows into the gradient of the bias, in one pass; only
  /// the first without a bias; nothing where neither is wanted.
  void enqueue(const ShardContext& context) const;

 private:
  void enqueue_sums(const ShardContext& context) const;
  void enqueue_derivative(const ShardContext& context) const;

  BiasGradientOptions options_;
  std::int64_t elements_ = 0;  // of dy
  BufferId y_ = kNoBuffer, dy_ = kNoBuffer, partials_ = kNoBuffer;
  ColumnPlan columns_;
  QuadInstance column_packs_;
  PackInstance packs_;
  std::size_t gradient_ = 0;  // element in the gradient buffer
};

}  // namespace annulus::trainer::cuda
