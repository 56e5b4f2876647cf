// The shuffled order is computed: position of a stream -> sample in a moment, without a walk.
//
// Two levels, because a chunk is the unit of reading: a compressed chunk has to be unpacked whole, so an
// order over single samples would unpack one chunk per sample. Example: 10 samples in chunks of 4 (the last
// one is short), two streams, windows of 1 chunk, and the short chunk has drawn slot 1:
//
//     slot              0          1        2            full chunks 0 and 1 take slots 0 and 2 in an order
//     place on the line 0 1 2 3  | 4 5    | 6 7 8 9      drawn anew every epoch
//     stream            <----- 0 -----> <----- 1 ----->  every shard has places of its own: 5 and 5
//     window            <- 0 ->    <1>  1   <-- 2 -->    inside a window places are permuted
//
//     position -> place -> window -> place (permuted inside the window) -> slot -> chunk -> sample in it
//
// Why streams: the samples of a step must come from many chunks, and which shard has which of them must not
// depend on the ranks. Were a step cut out of one line, every shard would have samples of all chunks of the
// window, and every rank would read the whole file. So each shard walks a line of its own, which is a run of
// the common one: what a rank reads is what its shards need. Only a chunk that lies across the end of a run
// is read for both sides. Windows of different streams begin at different chunks (`phase`), as every window
// begins with a burst of reading.
//
// Every arrow is arithmetic or a computed permutation, so a resumed run asks for its step at once. Chunk
// size, window and number of streams are part of the order: other values give another order of the same
// samples.
#include "io/loading/chunk_order.hpp"

#include <algorithm>
#include <vector>

#include "base/random.hpp"

namespace annulus::io {
namespace {

/// What a derived permutation orders; part of its seed, so that no two of them share a key.
enum class Level : std::uint32_t { chunks = 1, short_chunk = 2, window = 3 };

/// Seed of the permutation of one level (and of one window), unrelated to the run's seed and to each other.
std::uint64_t derived_seed(std::uint64_t seed, Level level, std::uint64_t index) {
  const auto words =
      philox(stream_key(seed, Purpose::shuffle),
             {static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32),
              // "chun". A plain Permutation of the same key has the upper half of the epoch in this word, so
              // the two ask Philox for the same numbers in no epoch that a run could reach.
              static_cast<std::uint32_t>(level), 0x6368756Eu});
  return std::uint64_t{words[0]} << 32 | words[1];
}

/// Two streams have the window in common in which the one ends and the other begins; each mixes its own side.
std::uint64_t window_index(const Stream& stream, std::uint64_t window) {
  return stream.number << 40 | window;
}

}  // namespace

class ChunkLine {
 public:
  virtual ~ChunkLine() = default;
  virtual std::uint64_t slots() const = 0;
  /// First place of a slot; of slots(), the end of the line.
  virtual std::uint64_t start_of(std::uint64_t slot) const = 0;
  /// The inverse of start_of for every place of a slot.
  virtual std::uint64_t slot_at(std::uint64_t place) const = 0;
  /// First sample of the chunk in a slot.
  virtual std::uint64_t first_sample(std::uint64_t slot) const = 0;
};

namespace {

/// All rows of a file. The last chunk may be short: it takes a slot drawn for it, the full chunks share the
/// others, so every slot's start follows from one comparison, where a table would be as long as the file has
/// chunks.
class WholeLine final : public ChunkLine {
 public:
  explicit WholeLine(const ChunkOrderKey& key)
      : chunk_(key.chunk),
        full_chunks_(key.samples / key.chunk),
        missing_(key.samples % key.chunk == 0 ? 0 : key.chunk - key.samples % key.chunk),
        slots_(full_chunks_ + (missing_ == 0 ? 0 : 1)),
        short_slot_(missing_ == 0
                        ? slots_
                        : Permutation(derived_seed(key.seed, Level::short_chunk, 0), key.epoch, slots_)(0)),
        chunk_order_(derived_seed(key.seed, Level::chunks, 0), key.epoch, full_chunks_) {}

  std::uint64_t slots() const override { return slots_; }
  /// Behind the short chunk all is moved up by what that lacks.
  std::uint64_t start_of(std::uint64_t slot) const override {
    return slot * chunk_ - (slot > short_slot_ ? missing_ : 0);
  }
  std::uint64_t slot_at(std::uint64_t place) const override {
    const bool behind_short = place >= start_of(short_slot_ + 1);
    const std::uint64_t slot = (place + (behind_short ? missing_ : 0)) / chunk_;
    return behind_short ? slot : std::min(slot, short_slot_);
  }
  /// The short chunk is the last of the file, hence number full_chunks_; the full ones are ordered as if its
  /// slot were not there.
  std::uint64_t first_sample(std::uint64_t slot) const override {
    if (slot == short_slot_) return full_chunks_ * chunk_;
    return chunk_order_(slot > short_slot_ ? slot - 1 : slot) * chunk_;
  }

 private:
  std::uint64_t chunk_;
  std::uint64_t full_chunks_;
  std::uint64_t missing_;     ///< samples by which the last chunk is short
  std::uint64_t slots_;       ///< all chunks, the short one included
  std::uint64_t short_slot_;  ///< slot of the short chunk; slots_ when there is none
  Permutation chunk_order_;
};

/// A part of the rows: every chunk holds another number of them, so slots begin where a table says. It is as
/// long as the file has chunks.
class PartialLine final : public ChunkLine {
 public:
  explicit PartialLine(const ChunkOrderKey& key) {
    const RowSet& rows = *key.rows;
    const std::uint64_t chunks = (rows.whole() + key.chunk - 1) / key.chunk;
    const Permutation order(derived_seed(key.seed, Level::chunks, 0), key.epoch, chunks);
    first_sample_.reserve(chunks);
    starts_.reserve(chunks + 1);
    for (std::uint64_t slot = 0; slot < chunks; ++slot) {
      const std::uint64_t row = order(slot) * key.chunk;
      first_sample_.push_back(rows.before(row));
      const std::uint64_t end = rows.before(std::min(row + key.chunk, rows.whole()));
      starts_.push_back(starts_.back() + end - first_sample_.back());
    }
  }

  std::uint64_t slots() const override { return first_sample_.size(); }
  std::uint64_t start_of(std::uint64_t slot) const override { return starts_[slot]; }
  /// Never a slot whose chunk holds none of the rows.
  std::uint64_t slot_at(std::uint64_t place) const override {
    const auto after = std::upper_bound(starts_.begin(), starts_.end(), place);
    return static_cast<std::uint64_t>(after - starts_.begin()) - 1;
  }
  std::uint64_t first_sample(std::uint64_t slot) const override { return first_sample_[slot]; }

 private:
  std::vector<std::uint64_t> first_sample_;  ///< of the chunk in every slot
  std::vector<std::uint64_t> starts_{0};     ///< first place of every slot, and the end of the line
};

std::unique_ptr<const ChunkLine> make_line(const ChunkOrderKey& key) {
  if (key.rows != nullptr) return std::make_unique<PartialLine>(key);
  return std::make_unique<WholeLine>(key);
}

}  // namespace

ChunkOrder::ChunkOrder(ChunkOrderKey key) : key_(std::move(key)), line_(make_line(key_)) {}

ChunkOrder::~ChunkOrder() = default;

std::uint64_t ChunkOrder::sample(const Stream& stream, std::uint64_t position) const {
  // Windows begin and end at slots, so a permutation inside [begin, end) cannot carry a sample into a chunk
  // that the reader does not hold; or at an end of the stream.
  const std::uint64_t unmixed = stream.begin + position;
  const std::uint64_t window = (line_->slot_at(unmixed) + stream.phase) / key_.window;
  const std::uint64_t first = window * key_.window, last = first + key_.window;
  const std::uint64_t begin = std::max(stream.begin, line_->start_of(first - std::min(first, stream.phase)));
  const std::uint64_t end =
      std::min(stream.end, line_->start_of(std::min(last - stream.phase, line_->slots())));
  const Permutation inside(derived_seed(key_.seed, Level::window, window_index(stream, window)), key_.epoch,
                           end - begin);
  const std::uint64_t place = begin + inside(unmixed - begin);
  const std::uint64_t slot = line_->slot_at(place);
  return line_->first_sample(slot) + (place - line_->start_of(slot));
}

}  // namespace annulus::io
