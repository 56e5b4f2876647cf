// node.saved holds the factors between forward and backward.
#include "trainer/backend/reference/dropout_mask.hpp"

#include <algorithm>

#include "trainer/backend/planning/keyed_dropout.hpp"

namespace annulus::trainer::reference {

void DropoutMask::forward(const PassContext& pass, Node& node) const {
  node.saved.assign(node.output.size(), 1.0);
  if (pass.mode == Mode::training) {
    const std::size_t size = node.output.size() / pass.samples;
    std::vector<float> factors(size);
    for (std::int64_t sample = 0; sample < pass.samples; ++sample) {
      const DropoutKey key{
          .seed = pass.seed, .epoch = pass.epoch, .sample = pass.numbers[sample], .layer = layer_};
      dropout_factors(key, rate_, factors);
      std::copy(factors.begin(), factors.end(),
                node.saved.begin() + sample * static_cast<std::int64_t>(size));
    }
  }
  for (std::size_t i = 0; i < node.output.size(); ++i) node.output[i] = (*node.inputs[0])[i] * node.saved[i];
}

void DropoutMask::backward(const PassContext&, Node& node) const {
  if (!node.input_gradients[0]) return;
  for (std::size_t i = 0; i < node.saved.size(); ++i)
    (*node.input_gradients[0])[i] += node.output_gradient[i] * node.saved[i];
}

}  // namespace annulus::trainer::reference
