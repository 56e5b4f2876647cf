// After the first step (in forward order) of a layer, everything up to the layer's last segment is final.
#include "trainer/backend/planning/ready_table.hpp"

#include <map>

namespace annulus::trainer {

std::vector<std::size_t> ready_table(const ArenaLayout& layout, const std::vector<int>& layers) {
  std::map<int, std::size_t> end_of_layer;
  for (std::size_t i = 0; i < layout.trainable.size(); ++i) {
    const bool last = i + 1 == layout.trainable.size();
    end_of_layer[layout.trainable[i].layer] =
        gradient_offset(layout) + (last ? layout.trainable_count : layout.trainable[i + 1].offset);
  }
  std::vector<std::size_t> ready(layers.size(), 0);
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const auto end = end_of_layer.find(layers[i]);
    if (end == end_of_layer.end()) continue;
    ready[i] = end->second;
    end_of_layer.erase(end);  // later steps of the layer run backward earlier
  }
  return ready;
}

}  // namespace annulus::trainer
