// Aligned floats, and copies of them in double.
#include "trainer/backend/reference/parameter_arena.hpp"

#include <algorithm>
#include <new>

namespace annulus::trainer::reference {
namespace {

constexpr std::align_val_t kAlignment{64};

}  // namespace

void ParameterArena::Release::operator()(float* values) const { ::operator delete[](values, kAlignment); }

ParameterArena::AlignedFloats ParameterArena::allocate(std::size_t count) {
  AlignedFloats values(static_cast<float*>(::operator new[](count * sizeof(float), kAlignment)));
  std::fill_n(values.get(), count, 0.0f);
  return values;
}

ParameterArena::ParameterArena(const Network& network)
    : layout_(make_layout(network)),
      parameters_(allocate(layout_.trainable_count)),
      statistics_(allocate(layout_.statistics_count)) {
  for (const Layer& layer : network.layers) shapes_.emplace_back(layer.parameters.size());
}

std::vector<std::vector<Tensor>> ParameterArena::tensors() const {
  std::vector<std::vector<Tensor>> tensors = shapes_;
  const auto fill = [&](const std::vector<Segment>& segments, const float* arena) {
    for (const Segment& segment : segments)
      tensors[segment.layer][segment.parameter].assign(arena + segment.offset,
                                                       arena + segment.offset + segment.count);
  };
  fill(layout_.trainable, parameters_.get());
  fill(layout_.statistics, statistics_.get());
  return tensors;
}

}  // namespace annulus::trainer::reference
