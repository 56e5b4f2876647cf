// What all backends share about their arenas.
#include "trainer/backend/contract/replica.hpp"

namespace annulus::trainer {

std::vector<std::size_t> gradient_sizes(const ArenaLayout& layout) {
  std::vector<std::size_t> sizes{gradient_offset(layout)};
  for (std::size_t i = 0; i < layout.trainable.size(); ++i) {
    const bool last = i + 1 == layout.trainable.size();
    const std::size_t end = last ? layout.trainable_count : layout.trainable[i + 1].offset;
    sizes.push_back(end - layout.trainable[i].offset);
  }
  return sizes;
}

}  // namespace annulus::trainer
