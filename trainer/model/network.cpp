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

std::int64_t parameter_count(const Network& network) {
  std::int64_t count = 0;
  for (const Layer& layer : network.layers) count += parameter_count(layer);
  return count;
}

}  // namespace annulus::trainer
