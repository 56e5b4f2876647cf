// The units that a network is lowered to. A step is a pattern of layers that one implementation runs:
// convolution with bias and activation, pool, dense, ...; a faster kernel for a longer pattern is one more
// subclass.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "trainer/backend/cpu/primitives.hpp"
#include "trainer/backend/cpu/program_builder.hpp"
#include "trainer/backend/planning/graph_lowering.hpp"

namespace annulus::trainer::cpu {

/// What steps may need to know about the shard that runs.
struct ShardContext {
  const dnnl::stream& stream;
  std::uint64_t seed = 0;
  std::uint64_t epoch = 0;
  std::span<const float> vectors;          ///< (N, total_length(Network::vectors))
  std::span<const std::uint64_t> samples;  ///< sample numbers, (N); empty in inference
  std::span<const std::int32_t> labels;    ///< (N); empty in inference
  std::span<const float> weights;          ///< io::Shard::weights
  std::span<const float> shares;           ///< io::Shard::shares
  std::span<float> gradients;              ///< the shard's buffer: head, statistics, gradients
  std::span<float> probabilities;          ///< inference: (N, classes)
};

/// Runs once a shard in each direction. Everything is planned in the constructor.
class Step {
 public:
  virtual ~Step() = default;
  virtual void forward(const ShardContext& context) = 0;
  virtual void backward(const ShardContext& context) = 0;
};

/// A step of a training program that takes sums over all shards of the step before it can run: this shard
/// gives its part, waits for the others (who runs the program sees to that), and takes the sum.
class SharingStep : public Step {
 public:
  virtual int rounds(Pass pass) const = 0;
  /// @param own  this shard's part, zero when it is handed over
  virtual void give(Pass pass, int round, const ShardContext& context, std::span<float> own) = 0;
  virtual void take(Pass pass, int round, std::span<const float> total) = 0;
};

/// An activation tensor between two steps; its gradient always has the same layout.
struct Value {
  SampleShape shape;
  Desc desc;  ///< (N, C, H, W), or (N, K) where K counts stored floats, padding included
  BufferId data = kNoBuffer;
  BufferId gradient = kNoBuffer;  ///< kNoBuffer when nothing before it has parameters
  /// Where value k of a sample, in Keras' order, lies; empty when that is k (a flat value without padding).
  std::shared_ptr<const std::vector<std::uint32_t>> order;
  /// The next step may change the data in place: nobody else reads it.
  bool overwritable = false;
  /// An activation that is already applied, but whose derivative backward has not yet been multiplied in.
  /// Max pooling commutes with it, so it is taken on the smaller pooled tensor.
  Activation pending = Activation::none;

  /// No parameter has a part in it: nobody will want its gradient, in no program.
  bool from_data = false;

  bool wants_gradient() const { return gradient != kNoBuffer; }
  bool flat() const { return extents(desc).size() == 2; }
};

using Lowered = trainer::Lowered<Step, Value>;
using FanOut = trainer::FanOut<Step, Value>;
/// Debug runs look at its output, and at the gradients of its inputs.
using PlannedStep = trainer::PlannedStep<Step, Value>;

/// "conv2d_1 (128, 32, 16, 16)": for messages.
std::string step_name(const LayerRef& ref, const Desc& desc);

/// Where the values of a sample lie in (N, C, H, W), in Keras' order (H, W, C).
std::vector<std::uint32_t> sample_order(const Desc& desc);

/// The layout of the kernel, or of its gradient, that a primitive works on.
template <class PrimitiveDesc>
Desc kernel_layout(const PrimitiveDesc& pd) {
  if constexpr (requires { pd.diff_weights_desc(); })
    return pd.diff_weights_desc();
  else
    return pd.weights_desc();
}

/// `best` if it works on the arena's layout, or if the library has no equally good implementation that does
/// (the call then reorders); else that one. @param plan  makes the descriptor for a kernel layout
template <class PrimitiveDesc, class Plan>
PrimitiveDesc prefer_arena(const PrimitiveDesc& best, const Desc& arena, Plan&& plan) {
  if (kernel_layout(best) == arena) return best;
  try {
    PrimitiveDesc same = plan(arena);
    if (std::string(same.impl_info_str()) == best.impl_info_str()) return same;
  } catch (const dnnl::error& error) {
    if (error.status != dnnl_unimplemented) throw;
  }
  return best;
}

/// @pre kind is relu, sigmoid or tanh
dnnl::algorithm function_of(Activation kind);

/// Attributes of a primitive that applies the activation, or none, to what it computes.
Attributes with_activation(Activation kind);

}  // namespace annulus::trainer::cpu
