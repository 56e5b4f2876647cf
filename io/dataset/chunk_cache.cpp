// Rows count as handed out when they are prepared: what a round has promised cannot make room before the
// next one. An example: 2 slots hold chunks A (1 row left) and B (none), and the request is A, C, D. A is
// there; C takes the slot of B; D has to wait until A is served: prepare() says 2, and the next call makes
// room for D in place of A.
#include "io/dataset/chunk_cache.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace annulus::io {

std::size_t ChunkCache::prepare(std::span<const std::uint64_t> samples) {
  ++round_;
  wanted_.clear();
  std::size_t ready = 0;
  for (; ready < samples.size(); ++ready) {
    const std::uint64_t number = columns_.chunk_of(samples[ready]);
    auto found = slot_of_.find(number);
    if (found == slot_of_.end()) {
      const std::optional<std::size_t> place = take_slot();
      if (!place) break;
      Slot& slot = slots_[*place];
      if (slot.used) slot_of_.erase(slot.number);
      slot.number = number;
      slot.used = true;
      slot.left = rows_expected(number);
      found = slot_of_.emplace(number, *place).first;
      wanted_.push_back(*place);
    }
    Slot& slot = slots_[found->second];
    slot.round = round_;
    slot.last_used = ++clock_;
    if (slot.left > 0) --slot.left;
  }
  expect_contract(ready > 0, "a cache has a slot, and a request a sample");
  load();
  return ready;
}

ChunkCache::Chunk ChunkCache::chunk(std::uint64_t number) const {
  const Slot& slot = slots_[slot_of_.at(number)];
  return {slot.pixels, slot.vectors};
}

/// Nothing: samples that are ready have to be served first, since chunks are done with by that.
std::optional<std::size_t> ChunkCache::take_slot() {
  if (slots_.size() < most_slots_) {
    slots_.emplace_back();
    return slots_.size() - 1;
  }
  if (const auto done = oldest(true)) return done;
  const bool done_soon = std::ranges::any_of(
      slots_, [this](const Slot& slot) { return slot.round == round_ && slot.left == 0; });
  if (done_soon) return std::nullopt;
  return oldest(false);
}

/// Of the slots that this round does not need.
std::optional<std::size_t> ChunkCache::oldest(bool only_done) const {
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const Slot& slot = slots_[i];
    const bool free = slot.round != round_ && (!only_done || !slot.used || slot.left == 0);
    if (free && (!best || slot.last_used < slots_[*best].last_used)) best = i;
  }
  return best;
}

void ChunkCache::load() {
  if (wanted_.empty()) return;
  std::vector<StoredSplit::Piece> pieces;
  for (const std::size_t place : wanted_) {
    Slot& slot = slots_[place];
    const std::uint64_t rows = rows_stored(slot.number);
    slot.pixels.resize(rows * columns_.row_bytes());
    slot.vectors.resize(rows * columns_.vector_floats());
    pieces.push_back({columns_.chunk_begin(slot.number), rows, slot.pixels, slot.vectors});
  }
  try {
    counts_.read_bytes += columns_.read_pieces(pieces);
    counts_.chunks_unpacked += pieces.size();
  } catch (...) {  // whatever of them came, nobody asks which
    for (const std::size_t place : wanted_) {
      slot_of_.erase(slots_[place].number);
      slots_[place].used = false;
    }
    throw;
  }
}

std::uint64_t ChunkCache::rows_stored(std::uint64_t number) const {
  return columns_.chunk_begin(number + 1) - columns_.chunk_begin(number);
}

std::uint64_t ChunkCache::rows_expected(std::uint64_t number) const {
  if (rows_ == nullptr || rows_->whole() != columns_.info().samples) return rows_stored(number);
  return rows_->before(columns_.chunk_begin(number + 1)) - rows_->before(columns_.chunk_begin(number));
}

}  // namespace annulus::io
