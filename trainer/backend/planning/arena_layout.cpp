// The plainest layout there is.
#include "trainer/backend/planning/arena_layout.hpp"

namespace annulus::trainer {
namespace {

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

}  // namespace annulus::trainer
