// The first slots are the network's inputs.
#include "trainer/backend/planning/readers.hpp"

#include "base/error.hpp"

namespace annulus::trainer {

Readers::Readers(const Network& network)
    : network_(network),
      readers_(network.vectors.size() + 1 + network.layers.size()),
      absorbed_(network.layers.size(), false) {
  for (int i = 0; i < layers(); ++i)
    for (const int input : ref(i).layer.inputs) readers_[slot(input)].push_back(i);
}

std::size_t Readers::slot(int index) const {
  const auto inputs = static_cast<std::int64_t>(network_.vectors.size()) + 1;  // and the image
  return static_cast<std::size_t>(inputs + index);
}

void Readers::expect_last(const LayerRef& ref) const {
  expect_contract(ref.index + 1 == layers(), "softmax stands in the last layer, where the loss takes it");
}

}  // namespace annulus::trainer
