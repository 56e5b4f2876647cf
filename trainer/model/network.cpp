// Counts and words of a network description.
#include "trainer/model/network.hpp"

namespace annulus::trainer {
namespace {

std::size_t vector_number(int index) { return static_cast<std::size_t>(vector_index(index)); }

}  // namespace

SampleShape Network::shape_of(int index) const {
  if (index >= 0) return layers.at(static_cast<std::size_t>(index)).output;
  if (index == kImageIndex) return input;
  return {.channels = vectors.at(vector_number(index)).length, .flat = true};
}

const std::string& Network::name_of(int index) const {
  if (index >= 0) return layers.at(static_cast<std::size_t>(index)).name;
  return index == kImageIndex ? image_name : vectors.at(vector_number(index)).name;
}

std::int64_t parameter_count(const Layer& layer) {
  std::int64_t count = 0;
  for (const Parameter& parameter : layer.parameters) count += element_count(parameter.extents);
  return count;
}

std::int64_t parameter_count(const Network& network) {
  std::int64_t count = 0;
  for (const Layer& layer : network.layers) count += parameter_count(layer);
  return count;
}

Size2 kernel_span(const Conv2d& conv) {
  return {(conv.kernel.height - 1) * conv.dilation.height + 1,
          (conv.kernel.width - 1) * conv.dilation.width + 1};
}

const char* to_string(Activation activation) {
  switch (activation) {
    case Activation::none:
      return "none";
    case Activation::relu:
      return "relu";
    case Activation::sigmoid:
      return "sigmoid";
    case Activation::tanh:
      return "tanh";
    case Activation::softmax:
      return "softmax";
  }
  return "unknown";
}

const char* to_string(Initializer initializer) {
  switch (initializer) {
    case Initializer::glorot_uniform:
      return "glorot_uniform";
    case Initializer::he_uniform:
      return "he_uniform";
    case Initializer::he_normal:
      return "he_normal";
    case Initializer::zeros:
      return "zeros";
    case Initializer::ones:
      return "ones";
  }
  return "unknown";
}

}  // namespace annulus::trainer
