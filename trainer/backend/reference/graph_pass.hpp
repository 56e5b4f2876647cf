// One pass of one shard through the network's graph: owns every layer's tensors.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "trainer/backend/reference/kernel.hpp"

namespace annulus::trainer::reference {

/// What a pass needs of the model; shared by all threads.
struct Model {
  const Network& network;  ///< ends in logits: no softmax in the last layer
  const std::vector<std::unique_ptr<const Kernel>>& kernels;  ///< by layer
  const std::vector<std::vector<Tensor>>& parameters;         ///< by layer and parameter
};

/// What the samples of a pass bring along.
struct NetworkInputs {
  Tensor images;                ///< (n, H, W, C)
  std::vector<Tensor> vectors;  ///< (n, length) each, as Network::vectors
};

/// What a layer takes and gives in a sum over the shards of the step.
struct PassSums {
  std::span<const float> total = {};  ///< that it waits for
  std::span<float> own = {};          ///< its part of the next one
};

/// Called after each layer with its index, e.g. to check its values or to hand its gradients over.
using LayerHook = std::function<void(int layer)>;

class GraphPass {
 public:
  GraphPass(const Model& model, const PassContext& pass, NetworkInputs inputs);
  GraphPass(const GraphPass&) = delete;
  GraphPass& operator=(const GraphPass&) = delete;

  /// Goes on to the end, or to a layer that waits for a sum. @return whether it waits: call it again then
  bool forward(const LayerHook& after_layer, const PassSums& sums = {});
  /// @param logit_gradient (n, classes)
  void begin_backward(Tensor logit_gradient);
  /// As forward().
  bool backward(const LayerHook& after_layer, const PassSums& sums = {});

  const Node& node(int layer) const { return nodes_[layer]; }
  const Tensor& logits() const { return nodes_.back().output; }

 private:
  void connect(int layer);
  bool share(Pass pass, const PassSums& sums);
  const Tensor& value_of(int index) const;

  Model model_;
  PassContext pass_;
  NetworkInputs inputs_;
  std::vector<Node> nodes_;
  int layer_ = 0;   ///< that runs next
  int round_ = -1;  ///< of the sums that it waits for; -1 = it waits for none
};

}  // namespace annulus::trainer::reference
