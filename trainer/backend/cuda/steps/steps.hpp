// Makes the steps of each pattern. Each function plans one step for its input and says what it puts out; the
// step's uses of memory count for the compiler's current step.
//
// In: a layer, the values that it reads, and the compiler, which hands out memory and says when it is
// used.
// Out: the planned step and the value that it puts out.
// Invariant: algorithms, descriptors and workspaces are chosen while a step is planned; running it only
// enqueues.
// Next: lowering.cpp (which step for which layer), step.hpp (a step), convolution_plan.hpp,
// gemm_plan.hpp (choices of the libraries), parameter_store.hpp (weights on the device).
#pragma once

#include <memory>
#include <vector>

#include "trainer/backend/cuda/steps/step.hpp"

namespace annulus::trainer::cuda {

/// The activation behind a layer, and who takes its derivative in backward: the step itself, or the reader of
/// its output, on the smaller tensor that it has (only for ReLU).
struct Tail {
  Activation activation = Activation::none;
  PendingRelu left_to_reader = PendingRelu::no;

  /// What the step's own backward takes.
  Activation own_derivative() const {
    return left_to_reader == PendingRelu::yes ? Activation::none : activation;
  }
};

/// Images in the element type of activations. @pre that is not float32
Lowered make_input(Compiler& compiler, const SampleShape& shape);

/// Vector k of the network's vectors, whose rows come with the shard, in the element type of activations.
Lowered make_vector_input(Compiler& compiler, const std::vector<NamedVector>& vectors, std::size_t k);

Lowered make_convolution(Compiler& compiler, const LayerRef& ref, const Value& input, const Tail& tail);

/// @param result  element type of the output: logits are float32 in any precision
Lowered make_dense(Compiler& compiler, const LayerRef& ref, const Value& input, const Tail& tail,
                   Element result);

Lowered make_pool(Compiler& compiler, const LayerRef& ref, const Value& input, const Pool2d& pool);
Lowered make_activation(Compiler& compiler, const LayerRef& ref, const Value& input, const Tail& tail);

/// Only for training programs.
Lowered make_dropout(Compiler& compiler, const LayerRef& ref, const Value& input, std::uint64_t seed);
Lowered make_batch_norm(Compiler& compiler, const LayerRef& ref, const Value& input, const Tail& tail);
Lowered make_local_response_norm(Compiler& compiler, const LayerRef& ref, const Value& input);
Lowered make_group_norm(Compiler& compiler, const LayerRef& ref, const Value& input, const GroupNorm& norm);
Lowered make_sum(Compiler& compiler, const LayerRef& ref, const std::vector<Value>& inputs, const Tail& tail);

Lowered make_concat(Compiler& compiler, const LayerRef& ref, const std::vector<Value>& inputs);
Lowered make_circular_pad(Compiler& compiler, const LayerRef& ref, const Value& input,
                          const CircularPad& pad);

/// @pre no derivative is left to the readers
FanOut make_fan_out(Compiler& compiler, const Value& input, std::size_t readers);

/// Softmax cross entropy and its gradient in training, probabilities in inference.
struct LossParameters {
  float smoothing = 0;
  const float* class_weights = nullptr;  ///< device, or null
  std::int32_t top_k = 0;                ///< as LossOptions::top_k
};
std::unique_ptr<Step> make_loss(Compiler& compiler, const Value& logits, const LossParameters& parameters);

}  // namespace annulus::trainer::cuda
