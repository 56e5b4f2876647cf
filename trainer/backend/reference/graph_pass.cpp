// A layer that several others read adds up their gradients before it goes backward itself: layers are in
// topological order, so walking them from the last to the first sees to that.
#include "trainer/backend/reference/graph_pass.hpp"

#include "trainer/backend/reference/activation.hpp"

namespace annulus::trainer::reference {

GraphPass::GraphPass(const Model& model, const PassContext& pass, NetworkInputs inputs)
    : model_(model), pass_(pass), inputs_(std::move(inputs)), nodes_(model.network.layers.size()) {
  for (int layer = 0; layer < static_cast<int>(nodes_.size()); ++layer) connect(layer);
}

/// Output of a layer, or an input of the network.
const Tensor& GraphPass::value_of(int index) const {
  if (index >= 0) return nodes_[index].output;
  return index == kImageIndex ? inputs_.images : inputs_.vectors.at(vector_index(index));
}

void GraphPass::connect(int layer) {
  const Layer& description = model_.network.layers[layer];
  Node& node = nodes_[layer];
  for (const int input : description.inputs) {
    node.inputs.push_back(&value_of(input));
    node.input_gradients.push_back(input < 0 ? nullptr : &nodes_[input].output_gradient);
  }
  node.parameters = &model_.parameters[layer];
  node.output.assign(pass_.samples * description.output.size(), 0.0);
}

/// Gives and takes what the next layer shares. @return whether it has to wait
bool GraphPass::share(Pass pass, const PassSums& sums) {
  const Kernel& kernel = *model_.kernels[layer_];
  const int rounds = pass_.mode == Mode::training ? kernel.rounds(pass) : 0;
  if (rounds == 0) return false;
  if (round_ >= 0) kernel.take(pass, round_, sums.total, nodes_[layer_]);
  const bool waits = ++round_ < rounds;
  if (waits)
    kernel.give(pass, round_, pass_, nodes_[layer_], sums.own);
  else
    round_ = -1;
  return waits;
}

bool GraphPass::forward(const LayerHook& after_layer, const PassSums& sums) {
  for (; layer_ < static_cast<int>(nodes_.size()); ++layer_) {
    if (share(Pass::forward, sums)) return true;
    Node& node = nodes_[layer_];
    model_.kernels[layer_]->forward(pass_, node);
    activate(model_.network.layers[layer_].activation, node.output);
    after_layer(layer_);
  }
  return false;
}

void GraphPass::begin_backward(Tensor logit_gradient) {
  for (Node& node : nodes_) node.output_gradient.assign(node.output.size(), 0.0);
  nodes_.back().output_gradient = std::move(logit_gradient);
  layer_ = static_cast<int>(nodes_.size()) - 1;
}

bool GraphPass::backward(const LayerHook& after_layer, const PassSums& sums) {
  for (; layer_ >= 0; --layer_) {
    if (share(Pass::backward, sums)) return true;
    const Layer& description = model_.network.layers[layer_];
    Node& node = nodes_[layer_];
    for (const Parameter& parameter : description.parameters)
      node.parameter_gradients.emplace_back(parameter.trainable ? element_count(parameter.extents) : 0, 0.0);
    multiply_derivative(description.activation, node.output, node.output_gradient);
    model_.kernels[layer_]->backward(pass_, node);
    after_layer(layer_);
  }
  return false;
}

}  // namespace annulus::trainer::reference
