// Walks the network, not the layout: the list has Keras' order, whatever a backend made of it.
#include "trainer/loop/tensor_list.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace annulus::trainer {
namespace {

const Segment* find_segment(const std::vector<Segment>& segments, int layer, int parameter) {
  const auto found = std::find_if(segments.begin(), segments.end(), [&](const Segment& segment) {
    return segment.layer == layer && segment.parameter == parameter;
  });
  return found == segments.end() ? nullptr : &*found;
}

}  // namespace

std::vector<TensorPlace> list_tensors(const Network& network, const ArenaLayout& layout) {
  std::vector<TensorPlace> places;
  for (int l = 0; l < static_cast<int>(network.layers.size()); ++l) {
    const Layer& layer = network.layers[l];
    for (int p = 0; p < static_cast<int>(layer.parameters.size()); ++p) {
      const Parameter& parameter = layer.parameters[p];
      const Segment* segment = find_segment(parameter.trainable ? layout.trainable : layout.statistics, l, p);
      expect_contract(segment != nullptr, "a backend's layout holds every parameter of the network");
      places.push_back(
          {.layer = layer.name,
           .name = parameter.name,
           .extents = parameter.extents,
           .segment = *segment,
           .arena = parameter.trainable ? TensorPlace::Arena::parameters : TensorPlace::Arena::statistics});
    }
  }
  expect_contract(places.size() == layout.trainable.size() + layout.statistics.size(),
                  "a backend's layout holds nothing but the parameters of the network");
  return places;
}

std::vector<float> read_tensor(const Replica& replica, const TensorPlace& place,
                               std::span<const float> arena) {
  if (place.arena == TensorPlace::Arena::parameters) return replica.read(place.segment, arena);
  const auto values = arena.subspan(place.segment.offset, place.segment.count);  // Keras' order already
  return {values.begin(), values.end()};
}

void write_tensor(const Replica& replica, const TensorPlace& place, std::span<const float> values,
                  std::span<float> arena) {
  if (place.arena == TensorPlace::Arena::parameters) return replica.write(place.segment, values, arena);
  expect_contract(values.size() == place.segment.count, "statistics are stored without padding");
  std::copy(values.begin(), values.end(), arena.begin() + static_cast<std::ptrdiff_t>(place.segment.offset));
}

std::span<float> arena_of(Replica& replica, const TensorPlace& place) {
  return place.arena == TensorPlace::Arena::parameters ? replica.parameters() : replica.statistics();
}

}  // namespace annulus::trainer
