// The reference backend's layers: plain loops in double over channels-last tensors, written to be obviously
// right. What they compute is what every other backend is tested against.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "trainer/backend/planning/memory_plan.hpp"
#include "trainer/backend/planning/program_shape.hpp"
#include "trainer/model/network.hpp"

namespace annulus::trainer::reference {

/// (n, H, W, C) or (n, K), or a parameter in Keras' order.
using Tensor = std::vector<double>;

/// What all layers of one pass have in common.
struct PassContext {
  Mode mode = Mode::training;
  std::int64_t samples = 0;  ///< n > 0
  std::uint64_t seed = 0;    ///< of the run; training only, like what follows
  std::uint64_t epoch = 0;
  std::span<const std::uint64_t> numbers;  ///< (n) sample numbers
};

/// One layer's tensors in one pass.
struct Node {
  std::vector<const Tensor*> inputs;
  const std::vector<Tensor>* parameters = nullptr;  ///< by index into Layer::parameters
  Tensor output;
  /// What forward keeps for backward; batch norm: means, then variances, then, with the statistics of the
  /// step, the means that backward takes.
  Tensor saved;
  Tensor output_gradient;
  std::vector<Tensor*> input_gradients;     ///< added to; nullptr where the input is the network's
  std::vector<Tensor> parameter_gradients;  ///< as `parameters`; empty for moving averages
};

/// One layer, compiled for its shapes. Stateless, so threads share it; a pass's state is in its Node.
class Kernel {
 public:
  virtual ~Kernel() = default;
  /// Fills node.output from node.inputs. @pre output has its size and is zero
  virtual void forward(const PassContext& pass, Node& node) const = 0;
  /// Adds to input_gradients and parameter_gradients. @pre forward ran on this node, output_gradient is final
  virtual void backward(const PassContext& pass, Node& node) const = 0;

  /// Sums over all shards of the step that the layer takes before its forward or backward can run in
  /// training: step_sums.hpp.
  virtual int rounds(Pass) const { return 0; }
  /// @param own  this shard's part, zero when it is handed over
  virtual void give(Pass, int /*round*/, const PassContext&, const Node&, std::span<float> /*own*/) const {}
  virtual void take(Pass, int /*round*/, std::span<const float> /*total*/, Node&) const {}
};

/// The kernel of a layer; the activation inside conv2d and dense is not its part.
std::unique_ptr<const Kernel> make_kernel(const Network& network, int layer);

}  // namespace annulus::trainer::reference
