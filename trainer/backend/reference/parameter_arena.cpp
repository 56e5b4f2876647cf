// The plainest layout there is.
#include "trainer/backend/reference/parameter_arena.hpp"

#include <algorithm>
#include <new>

namespace annulus::trainer::reference {
namespace {

constexpr std::align_val_t kAlignment{64};

constexpr std::size_t round_up(std::size_t count) { return (count + 15) / 16 * 16; }

// Appends the parameters of a layer that are trainable, or those that are not.
std::size_t append(std::vector<Segment>& segments, std::size_t end, const Layer& layer, Segment segment,
                   bool trainable) {
  for (std::size_t i = 0; i < layer.parameters.size(); ++i) {
    if (layer.parameters[i].trainable != trainable) continue;
    segment.parameter = static_cast<int>(i);
    segment.offset = end;
    segment.count = static_cast<std::size_t>(element_count(layer.parameters[i].extents));
    segments.push_back(segment);
    end += round_up(segment.count);
  }
  return end;
}

}  // namespace

ArenaLayout make_layout(const Network& network) {
  ArenaLayout layout;
  const int layers = static_cast<int>(network.layers.size());
  for (int i = layers - 1; i >= 0; --i)
    layout.trainable_count =
        append(layout.trainable, layout.trainable_count, network.layers[i], {.layer = i}, true);
  for (int i = 0; i < layers; ++i)
    layout.statistics_count =
        append(layout.statistics, layout.statistics_count, network.layers[i], {.layer = i}, false);
  return layout;
}

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
