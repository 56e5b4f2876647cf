// One loop over the pixels of each (sample, channel).
#include "trainer/backend/reference/global_pooling.hpp"

#include "trainer/backend/planning/max_pool_rule.hpp"

namespace annulus::trainer::reference {

std::int64_t GlobalPooling::largest_pixel(const Tensor& x, std::int64_t sample, std::int64_t channel) const {
  const std::int64_t base = sample * input_.size() + channel;
  std::int64_t largest = 0;
  for (std::int64_t pixel = 1; pixel < input_.height * input_.width; ++pixel)
    if (takes_over(x[base + pixel * input_.channels], x[base + largest * input_.channels])) largest = pixel;
  return largest;
}

void GlobalPooling::forward(const PassContext& pass, Node& node) const {
  const Tensor& x = *node.inputs[0];
  const std::int64_t pixels = input_.height * input_.width;
  for (std::int64_t i = 0; i < pass.samples * input_.channels; ++i) {
    const std::int64_t sample = i / input_.channels, channel = i % input_.channels;
    const std::int64_t base = sample * input_.size() + channel;
    if (kind_ == PoolKind::max) {
      node.output[i] = x[base + largest_pixel(x, sample, channel) * input_.channels];
      continue;
    }
    for (std::int64_t pixel = 0; pixel < pixels; ++pixel)
      node.output[i] += x[base + pixel * input_.channels] / static_cast<double>(pixels);
  }
}

void GlobalPooling::backward(const PassContext& pass, Node& node) const {
  if (!node.input_gradients[0]) return;
  Tensor& dx = *node.input_gradients[0];
  const std::int64_t pixels = input_.height * input_.width;
  for (std::int64_t i = 0; i < pass.samples * input_.channels; ++i) {
    const std::int64_t sample = i / input_.channels, channel = i % input_.channels;
    const std::int64_t base = sample * input_.size() + channel;
    if (kind_ == PoolKind::max) {
      dx[base + largest_pixel(*node.inputs[0], sample, channel) * input_.channels] += node.output_gradient[i];
      continue;
    }
    for (std::int64_t pixel = 0; pixel < pixels; ++pixel)
      dx[base + pixel * input_.channels] += node.output_gradient[i] / static_cast<double>(pixels);
  }
}

}  // namespace annulus::trainer::reference
