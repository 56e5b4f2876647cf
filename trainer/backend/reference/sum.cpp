// Each input adds its values, and gets the whole gradient.
#include "trainer/backend/reference/sum.hpp"

namespace annulus::trainer::reference {

void Sum::forward(const PassContext&, Node& node) const {
  for (const Tensor* input : node.inputs)
    for (std::size_t i = 0; i < node.output.size(); ++i) node.output[i] += (*input)[i];
}

void Sum::backward(const PassContext&, Node& node) const {
  for (Tensor* gradient : node.input_gradients) {
    if (!gradient) continue;
    for (std::size_t i = 0; i < node.output_gradient.size(); ++i) (*gradient)[i] += node.output_gradient[i];
  }
}

}  // namespace annulus::trainer::reference
