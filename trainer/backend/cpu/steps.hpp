// Makes the steps of each pattern. Each function plans one step for its input and says what it puts out; the
// step's uses of memory count for the builder's current step.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "trainer/backend/cpu/step.hpp"

namespace annulus::trainer::cpu {

/// Convolution, bias and an activation (none, relu, sigmoid, tanh; its derivative stays pending). Winograd
/// (Lavin & Gray 2016) for 3x3 with stride 1 and at least 16 channels on both sides, else direct.
Lowered make_convolution(ProgramBuilder& builder, const LayerRef& ref, const Value& input,
                         Activation activation);

/// A convolution as above with the max pool behind it, for training on processors with AVX-512.
struct PooledConvolution {
  Activation activation = Activation::none;
  const Layer& pool;
};
/// Whether the convolution `ref` and its only reader `next` have such a step: 3x3, stride 1, channels in
/// blocks of 16, or up to three where it reads the network's input; windows of 2x2 that touch each other.
bool is_pooled_convolution(const LayerRef& ref, const Value& input, const Layer& next);
/// @pre is_pooled_convolution()
Lowered make_pooled_convolution(ProgramBuilder& builder, const LayerRef& ref, const Value& input,
                                const PooledConvolution& pattern);

/// Dense layer with bias and activation as above. Reads a convolution's blocked bytes as a matrix: the
/// permutation is in the kernel's layout. @pre input.flat()
Lowered make_dense(ProgramBuilder& builder, const LayerRef& ref, const Value& input, Activation activation);

/// Max or average pool; a pending derivative passes through a max pool.
Lowered make_pool(ProgramBuilder& builder, const LayerRef& ref, const Value& input, const Pool2d& pool);

/// An activation as a step of its own (relu, sigmoid, tanh), derivative pending.
Lowered make_activation(ProgramBuilder& builder, const LayerRef& ref, const Value& input, Activation kind);

/// Takes the pending derivative of `input`; does nothing forward.
Lowered make_activation_gradient(ProgramBuilder& builder, const Value& input);

/// Dropout; takes the pending derivative of a ReLU in the same pass. Only for training programs.
/// @pre input.pending is none or relu
Lowered make_dropout(ProgramBuilder& builder, const LayerRef& ref, const Value& input, float rate);

Lowered make_batch_norm(ProgramBuilder& builder, const LayerRef& ref, const Value& input);
/// The same with the statistics of the whole step. Only for training programs.
/// @pre no derivative is pending; flat values are in Keras' order, without padding
Lowered make_step_norm(ProgramBuilder& builder, const LayerRef& ref, const Value& input);
Lowered make_local_response_norm(ProgramBuilder& builder, const LayerRef& ref, const Value& input);
/// In any layout that comes in; flat values are in Keras' order, without padding.
Lowered make_group_norm(ProgramBuilder& builder, const LayerRef& ref, const Value& input,
                        const GroupNorm& norm);

/// Sum of inputs of one layout.
Lowered make_add(ProgramBuilder& builder, const LayerRef& ref, const std::vector<Value>& inputs);

/// Flat inputs one after another. @pre they are in Keras' order, without padding, no derivative pending
Lowered make_concat(ProgramBuilder& builder, const LayerRef& ref, const std::vector<Value>& inputs);

/// vectors[k] of the network, out of the row in which the vectors of a sample lie together.
Lowered make_vector_input(ProgramBuilder& builder, const std::vector<NamedVector>& vectors, std::size_t k);

/// Whether the pixels of a row lie together, as circular padding needs it.
bool has_rows(const Desc& desc);
/// Copies rows in the layout that comes in; takes the pending derivative of a ReLU in the same pass.
/// @pre has_rows(input.desc); input.pending is none or relu
Lowered make_circular_pad(ProgramBuilder& builder, const LayerRef& ref, const Value& input,
                          const CircularPad& pad);

/// The same values in another layout of the same extents.
Lowered make_reorder(ProgramBuilder& builder, const LayerRef& ref, const Value& input, const Desc& desc);

/// @pre no derivative is pending
FanOut make_fan_out(ProgramBuilder& builder, const Value& input, std::size_t readers);

/// Softmax cross entropy and its gradient in training, probabilities in inference.
/// @pre logits are flat, in Keras' order, without padding
std::unique_ptr<Step> make_loss(ProgramBuilder& builder, const LayerRef& ref, const Value& logits,
                                const LossOptions& options);

}  // namespace annulus::trainer::cpu
