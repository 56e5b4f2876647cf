// Every output value is a copy of one input value; backward adds up what its copies get.
#include "trainer/backend/reference/circular_padding.hpp"

namespace annulus::trainer::reference {

template <class Body>
void CircularPadding::for_each_value(std::int64_t samples, const Body& body) const {
  const auto& [height, width, channels, flat] = input_;
  std::size_t out = 0;
  for (std::int64_t sample = 0; sample < samples; ++sample)
    for (std::int64_t y = 0; y < height + 2 * pad_.height; ++y)
      for (std::int64_t x = 0; x < width + 2 * pad_.width; ++x)
        for (std::int64_t channel = 0; channel < channels; ++channel) {
          const std::int64_t row = (y - pad_.height + height) % height;
          const std::int64_t column = (x - pad_.width + width) % width;
          const std::int64_t in = ((sample * height + row) * width + column) * channels + channel;
          body(out++, static_cast<std::size_t>(in));
        }
}

void CircularPadding::forward(const PassContext& pass, Node& node) const {
  const Tensor& x = *node.inputs[0];
  for_each_value(pass.samples, [&](std::size_t out, std::size_t in) { node.output[out] = x[in]; });
}

void CircularPadding::backward(const PassContext& pass, Node& node) const {
  if (!node.input_gradients[0]) return;
  Tensor& gradient = *node.input_gradients[0];
  for_each_value(pass.samples,
                 [&](std::size_t out, std::size_t in) { gradient[in] += node.output_gradient[out]; });
}

}  // namespace annulus::trainer::reference
