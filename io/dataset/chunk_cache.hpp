// The chunks of a file that streaming keeps in memory. Internal to io/dataset.
//
// In: the samples of a request, in their order.
// Out: their chunks in memory; what is missing is loaded together.
// Invariant: a chunk whose rows were all handed out since it was loaded goes first, else the least recently
// used one: with a slot for every chunk of the windows that are under way (and one or two for chunks that
// two streams share), every chunk is loaded once an epoch.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "io/dataset/read_counts.hpp"
#include "io/dataset/stored_split.hpp"

namespace annulus::io {

class ChunkCache {
 public:
  /// @param slots  chunks that are kept, at least one
  ChunkCache(const StoredSplit& columns, std::size_t slots) : columns_(columns), most_slots_(slots) {}

  /// A chunk is done with when these rows of it were handed out; null: all rows.
  void expect_rows(std::shared_ptr<const RowSet> rows) { rows_ = std::move(rows); }

  /// Brings the chunks of as many samples into memory as have place at the same time, from the front.
  /// @return their number, at least 1; chunk() has these until the next call
  /// @throws DataError; then nothing of what was to be loaded is there
  std::size_t prepare(std::span<const std::uint64_t> samples);

  struct Chunk {
    std::span<const std::byte> pixels;
    std::span<const float> vectors;
  };
  Chunk chunk(std::uint64_t number) const;

  const ReadCounts& counts() const { return counts_; }

 private:
  struct Slot {
    std::uint64_t number = 0;
    bool used = false;            ///< holds a chunk, or is about to
    std::uint64_t left = 0;       ///< rows of the chunk that were not handed out yet
    std::uint64_t last_used = 0;  ///< by clock_
    std::uint64_t round = 0;      ///< of prepare() that needs it
    std::vector<std::byte> pixels;
    std::vector<float> vectors;
  };

  std::optional<std::size_t> take_slot();
  std::optional<std::size_t> oldest(bool only_done) const;
  void load();
  std::uint64_t rows_stored(std::uint64_t number) const;
  std::uint64_t rows_expected(std::uint64_t number) const;

  const StoredSplit& columns_;
  std::size_t most_slots_;
  std::shared_ptr<const RowSet> rows_;
  std::deque<Slot> slots_;
  std::unordered_map<std::uint64_t, std::size_t> slot_of_;
  std::vector<std::size_t> wanted_;  ///< slots whose chunks are to be loaded
  std::uint64_t clock_ = 0;
  std::uint64_t round_ = 0;
  ReadCounts counts_;
};

}  // namespace annulus::io
