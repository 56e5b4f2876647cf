// Every product of a convolution visited once: forward sums them, backward gives each factor its share.
#include "trainer/backend/reference/convolution.hpp"

namespace annulus::trainer::reference {

Convolution::Convolution(const Conv2d& conv, const SampleShape& input, const SampleShape& output)
    : window_{conv.kernel, conv.stride, conv.dilation, conv.padding},
      input_(input),
      output_(output),
      groups_(conv.groups),
      bias_(conv.bias) {}

template <class Body>
void Convolution::for_each_product(std::int64_t sample, const Body& body) const {
  const std::int64_t inputs = input_.channels / groups_;  // of one group
  const std::int64_t outputs = output_.channels / groups_;
  for_each_tap(window_, input_, output_, [&](const Tap& tap) {
    const std::int64_t x = sample * input_.size() + tap.input_pixel * input_.channels;
    const std::int64_t y = sample * output_.size() + tap.output_pixel * output_.channels;
    for (std::int64_t group = 0; group < groups_; ++group)
      for (std::int64_t c = 0; c < inputs; ++c)
        for (std::int64_t o = group * outputs; o < (group + 1) * outputs; ++o)
          body(x + group * inputs + c, (tap.number * inputs + c) * output_.channels + o, y + o);
  });
}

void Convolution::forward(const PassContext& pass, Node& node) const {
  const double* x = node.inputs[0]->data();
  const double* kernel = (*node.parameters)[0].data();
  double* y = node.output.data();
  for (std::int64_t sample = 0; sample < pass.samples; ++sample)
    for_each_product(sample, [&](auto xi, auto ki, auto yi) { y[yi] += x[xi] * kernel[ki]; });
  if (!bias_) return;
  const Tensor& bias = (*node.parameters)[1];
  for (std::size_t i = 0; i < node.output.size(); ++i) y[i] += bias[i % bias.size()];
}

void Convolution::backward(const PassContext& pass, Node& node) const {
  const double* x = node.inputs[0]->data();
  const double* kernel = (*node.parameters)[0].data();
  const double* dy = node.output_gradient.data();
  double* dkernel = node.parameter_gradients[0].data();
  double* dx = node.input_gradients[0] ? node.input_gradients[0]->data() : nullptr;
  for (std::int64_t sample = 0; sample < pass.samples; ++sample) {
    for_each_product(sample, [&](auto xi, auto ki, auto yi) { dkernel[ki] += x[xi] * dy[yi]; });
    if (dx) for_each_product(sample, [&](auto xi, auto ki, auto yi) { dx[xi] += kernel[ki] * dy[yi]; });
  }
  if (!bias_) return;
  Tensor& dbias = node.parameter_gradients[1];
  for (std::size_t i = 0; i < node.output_gradient.size(); ++i) dbias[i % dbias.size()] += dy[i];
}

}  // namespace annulus::trainer::reference
