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

/// Called after each layer with its index, e.g. to check its values or to hand its gradients over.
using LayerHook = std::function<void(int layer)>;

class GraphPass {
 public:
  GraphPass(const Model& model, const PassContext& pass, NetworkInputs inputs);
  GraphPass(const GraphPass&) = delete;
  GraphPass& operator=(const GraphPass&) = delete;

  void forward(const LayerHook& after_layer);
  /// @param logit_gradient (n, classes)
  void backward(Tensor logit_gradient, const LayerHook& after_layer);

  const Node& node(int layer) const { return nodes_[layer]; }
  const Tensor& logits() const { return nodes_.back().output; }

 private:
  void connect(int layer);
  const Tensor& value_of(int index) const;

  Model model_;
  PassContext pass_;
  NetworkInputs inputs_;
  std::vector<Node> nodes_;
};

}  // namespace annulus::trainer::reference
