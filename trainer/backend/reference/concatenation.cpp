// A row of the output is the rows of the inputs in turn.
#include "trainer/backend/reference/concatenation.hpp"

#include <algorithm>

namespace annulus::trainer::reference {

void Concatenation::forward(const PassContext& pass, Node& node) const {
  auto target = node.output.begin();
  for (std::int64_t sample = 0; sample < pass.samples; ++sample) {
    for (const Tensor* input : node.inputs) {
      const auto length = static_cast<std::int64_t>(input->size()) / pass.samples;
      target = std::copy_n(input->begin() + sample * length, length, target);
    }
  }
}

void Concatenation::backward(const PassContext& pass, Node& node) const {
  auto source = node.output_gradient.begin();
  for (std::int64_t sample = 0; sample < pass.samples; ++sample) {
    for (std::size_t k = 0; k < node.inputs.size(); ++k) {
      const auto length = static_cast<std::int64_t>(node.inputs[k]->size()) / pass.samples;
      for (std::int64_t i = 0; i < length; ++i, ++source)
        if (Tensor* gradient = node.input_gradients[k]) (*gradient)[sample * length + i] += *source;
    }
  }
}

}  // namespace annulus::trainer::reference
