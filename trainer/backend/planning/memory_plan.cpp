// Largest first, each at the lowest place that no buffer alive at the same time holds.
#include "trainer/backend/planning/memory_plan.hpp"

#include <algorithm>
#include <numeric>

#include "base/error.hpp"

namespace annulus::trainer {

BufferId MemoryPlan::buffer(std::size_t bytes) {
  buffers_.push_back({.bytes = bytes, .uses = {}});
  return static_cast<BufferId>(buffers_.size()) - 1;
}

void MemoryPlan::use(BufferId buffer, Pass pass, std::size_t bytes) {
  expect_contract(buffer >= 0 && buffer < static_cast<BufferId>(buffers_.size()), "a used buffer exists");
  Buffer& used = buffers_[static_cast<std::size_t>(buffer)];
  used.bytes = std::max(used.bytes, bytes);
  used.uses.push_back({step_, pass});
}

/// Size in the block and lifetime, once all uses are known.
void MemoryPlan::complete(Buffer& buffer) const {
  buffer.bytes = (buffer.bytes + alignment_ - 1) / alignment_ * alignment_;
  buffer.first = 2 * step_ + 1;
  buffer.last = -1;
  for (const Use& use : buffer.uses) {
    const int time = use.pass == Pass::forward ? use.step : 2 * step_ + 1 - use.step;
    buffer.first = std::min(buffer.first, time);
    buffer.last = std::max(buffer.last, time);
  }
}

std::size_t MemoryPlan::lay_out() {
  for (Buffer& buffer : buffers_) complete(buffer);
  std::vector<std::size_t> order(buffers_.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return buffers_[a].bytes > buffers_[b].bytes; });
  std::size_t total = 0;
  std::vector<const Buffer*> placed;  // by offset
  for (const std::size_t id : order) {
    Buffer& piece = buffers_[id];
    for (const Buffer* other : placed) {
      if (other->last < piece.first || piece.last < other->first) continue;
      if (other->offset >= piece.offset + piece.bytes) break;
      piece.offset = std::max(piece.offset, other->offset + other->bytes);
    }
    total = std::max(total, piece.offset + piece.bytes);
    placed.insert(std::upper_bound(placed.begin(), placed.end(), &piece,
                                   [](const Buffer* a, const Buffer* b) { return a->offset < b->offset; }),
                  &piece);
  }
  return total;
}

}  // namespace annulus::trainer
