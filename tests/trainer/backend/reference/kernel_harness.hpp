// Runs one reference kernel on tensors written out in a test.
#pragma once

#include <vector>

#include "trainer/backend/reference/kernel.hpp"
#include "trainer/model/network_builder.hpp"

namespace annulus::trainer::reference {

/// The last layer of a network with its inputs; numbers are channels last, sample by sample.
class KernelHarness {
 public:
  KernelHarness(const Network& network, std::vector<Tensor> inputs, std::vector<Tensor> parameters = {})
      : layer_(network.layers.back()),
        inputs_(std::move(inputs)),
        parameters_(std::move(parameters)),
        kernel_(make_kernel(network, static_cast<int>(network.layers.size()) - 1)) {
    pass_.samples = static_cast<std::int64_t>(inputs_[0].size()) / layer_.input.size();
  }

  Tensor forward(Mode mode = Mode::training) {
    pass_.mode = mode;
    node_ = {};
    for (const Tensor& input : inputs_) node_.inputs.push_back(&input);
    node_.parameters = &parameters_;
    node_.output.assign(pass_.samples * layer_.output.size(), 0.0);
    kernel_->forward(pass_, node_);
    return node_.output;
  }

  /// @pre forward() ran   @return the gradients of the inputs
  std::vector<Tensor> backward(Tensor output_gradient) {
    std::vector<Tensor> gradients;
    for (const Tensor& input : inputs_) gradients.emplace_back(input.size(), 0.0);
    node_.input_gradients.clear();
    for (Tensor& gradient : gradients) node_.input_gradients.push_back(&gradient);
    node_.parameter_gradients.clear();
    for (const Tensor& parameter : parameters_) node_.parameter_gradients.emplace_back(parameter.size(), 0.0);
    node_.output_gradient = std::move(output_gradient);
    kernel_->backward(pass_, node_);
    return gradients;
  }

  const Node& node() const { return node_; }
  PassContext& pass() { return pass_; }

 private:
  Layer layer_;
  std::vector<Tensor> inputs_;
  std::vector<Tensor> parameters_;
  std::unique_ptr<const Kernel> kernel_;
  PassContext pass_;
  Node node_;
};

}  // namespace annulus::trainer::reference
