// The shuffled order is computed, never stored: position -> sample in O(1), for whole datasets in memory and
// for chunks streamed from disk alike.
//
// Two levels, because a chunk is the unit of reading: a compressed chunk has to be unpacked whole, so an
// order over single samples would unpack one chunk per sample. Example: 10 samples in chunks of 4 (the last
// one is short), windows of 2 chunks, and the short chunk has drawn slot 1:
//
//     slot              0          1        2            full chunks 0 and 1 take slots 0 and 2 in an order
//     place on the line 0 1 2 3  | 4 5    | 6 7 8 9      drawn anew every epoch (`chunk_order_`)
//     window            <------ 0 ------> <-- 1 -->      inside a window places are permuted
//
//     position -> window -> place (permuted inside the window) -> slot -> chunk -> sample in the chunk
//
// A reader that walks the positions in order needs the chunks of one window at a time. Every arrow is
// arithmetic or a computed permutation, so a resumed run asks for its step at once. Chunk size and window are
// part of the order: other values give another order of the same samples.
#include "io/loading/sharded_sampler.hpp"

#include <algorithm>

#include "base/error.hpp"

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

/// Order of data that is stored in chunks. Chunks are laid out in random order on a line of *slots*; runs of
/// `window_chunks` slots are shuffled sample by sample, so that a reader holds one window in memory. The last
/// chunk may be short: it takes a slot drawn for it, the full chunks share the others, so every slot's start
/// follows from one comparison.
class ChunkedOrder {
 public:
  ChunkedOrder(const SamplerOptions& options, std::uint64_t epoch)
      : options_(options),
        epoch_(epoch),
        full_chunks_(options.samples / options.chunk),
        short_size_(options.samples % options.chunk),
        missing_(short_size_ == 0 ? 0 : options.chunk - short_size_),
        slots_(full_chunks_ + (short_size_ == 0 ? 0 : 1)),
        short_slot_(short_size_ == 0
                        ? slots_
                        : Permutation(derived_seed(options.seed, Level::short_chunk, 0), epoch, slots_)(0)),
        chunk_order_(derived_seed(options.seed, Level::chunks, 0), epoch, full_chunks_) {}

  std::uint64_t operator()(std::uint64_t position) const {
    // Windows begin and end at slots, so a permutation inside [begin, end) cannot carry a sample into a chunk
    // that the reader does not hold. The last window may have fewer slots.
    const std::uint64_t window = window_at(position);
    const std::uint64_t begin = start_of(window * options_.window_chunks);
    const std::uint64_t end = start_of(std::min((window + 1) * options_.window_chunks, slots_));
    const Permutation inside(derived_seed(options_.seed, Level::window, window), epoch_, end - begin);
    const std::uint64_t place = begin + inside(position - begin);
    const std::uint64_t slot = slot_at(place);
    return chunk_in(slot) * options_.chunk + (place - start_of(slot));
  }

 private:
  /// First place of a slot; of slots_, the end of the line. Behind the short chunk all is moved up by what
  /// that lacks: one comparison, where a table would be as long as the file has chunks.
  std::uint64_t start_of(std::uint64_t slot) const {
    return slot * options_.chunk - (slot > short_slot_ ? missing_ : 0);
  }
  /// The inverse of start_of for every place of a slot.
  std::uint64_t slot_at(std::uint64_t place) const {
    const bool behind_short = place >= start_of(short_slot_ + 1);
    const std::uint64_t slot = (place + (behind_short ? missing_ : 0)) / options_.chunk;
    return behind_short ? slot : std::min(slot, short_slot_);
  }
  std::uint64_t window_at(std::uint64_t position) const { return slot_at(position) / options_.window_chunks; }
  /// The short chunk is the last of the file, hence number full_chunks_; the full ones are ordered as if its
  /// slot were not there.
  std::uint64_t chunk_in(std::uint64_t slot) const {
    if (slot == short_slot_) return full_chunks_;
    return chunk_order_(slot > short_slot_ ? slot - 1 : slot);
  }

  const SamplerOptions& options_;
  std::uint64_t epoch_;
  std::uint64_t full_chunks_;
  std::uint64_t short_size_;
  std::uint64_t missing_;     ///< samples by which the last chunk is short
  std::uint64_t slots_;       ///< all chunks, the short one included
  std::uint64_t short_slot_;  ///< slot of the short chunk; slots_ when there is none
  Permutation chunk_order_;
};

}  // namespace

/// The same for a part of the rows: every chunk holds another number of them, so slots begin where a table
/// says. It is as long as the file has chunks, and made once an epoch.
class PartialOrder {
 public:
  PartialOrder(const SamplerOptions& options, std::uint64_t epoch)
      : rows_(*options.rows),
        chunk_(options.chunk),
        window_chunks_(options.window_chunks),
        seed_(options.seed),
        epoch_(epoch) {
    const std::uint64_t chunks = (rows_.whole() + chunk_ - 1) / chunk_;
    const Permutation order(derived_seed(seed_, Level::chunks, 0), epoch, chunks);
    chunk_in_.reserve(chunks);
    starts_.reserve(chunks + 1);
    for (std::uint64_t slot = 0; slot < chunks; ++slot) {
      chunk_in_.push_back(order(slot));
      starts_.push_back(starts_.back() + first_of(chunk_in_.back() + 1) - first_of(chunk_in_.back()));
    }
  }

  std::uint64_t epoch() const { return epoch_; }

  std::uint64_t operator()(std::uint64_t position) const {
    const std::uint64_t window = slot_at(position) / window_chunks_;
    const std::uint64_t begin = starts_[window * window_chunks_];
    const std::uint64_t end = starts_[std::min((window + 1) * window_chunks_, chunk_in_.size())];
    const Permutation inside(derived_seed(seed_, Level::window, window), epoch_, end - begin);
    const std::uint64_t place = begin + inside(position - begin);
    const std::uint64_t slot = slot_at(place);
    return first_of(chunk_in_[slot]) + (place - starts_[slot]);
  }

 private:
  /// First sample of a chunk.
  std::uint64_t first_of(std::uint64_t chunk) const {
    return rows_.before(std::min(chunk * chunk_, rows_.whole()));
  }
  /// The slot of a place: never one of a chunk that holds none of the rows.
  std::uint64_t slot_at(std::uint64_t place) const {
    const auto after = std::upper_bound(starts_.begin(), starts_.end(), place);
    return static_cast<std::uint64_t>(after - starts_.begin()) - 1;
  }

  const RowSet& rows_;  ///< of the options, which whoever asks still has
  std::uint64_t chunk_;
  std::uint64_t window_chunks_;
  std::uint64_t seed_;
  std::uint64_t epoch_;
  std::vector<std::uint64_t> chunk_in_;   ///< by slot
  std::vector<std::uint64_t> starts_{0};  ///< first place of every slot, and the end of the line
};

namespace {

template <class Order>
void append(const Order& order, std::uint64_t begin, std::uint64_t end, std::vector<std::uint64_t>& items) {
  for (std::uint64_t position = begin; position < end; ++position) items.push_back(order(position));
}

void append_range(const SamplerOptions& options, std::uint64_t epoch, std::uint64_t begin, std::uint64_t end,
                  std::vector<std::uint64_t>& items) {
  if (options.endless) {
    for (std::uint64_t position = begin; position < end; ++position)
      items.push_back(epoch * options.samples + position);
  } else if (!options.shuffle) {
    for (std::uint64_t position = begin; position < end; ++position) items.push_back(position);
  } else if (options.chunk == 1) {
    append(Permutation(options.seed, epoch, options.samples), begin, end, items);
  } else {
    append(ChunkedOrder(options, epoch), begin, end, items);
  }
}

}  // namespace

ShardedSampler::ShardedSampler(const SamplerOptions& options) : options_(options) {
  if (options.shards < 1 || options.batch < 1 || options.batch % options.shards != 0)
    throw UsageError(
        "batch.size {} cannot be cut into batch.shards {}: every shard of a step has the same size, so both are positive and the second divides the first. Choose a batch size that is a multiple of the shards.",
        options.batch, options.shards);
  expect_contract(options.chunk >= 1 && options.window_chunks >= 1,
                  "a chunk holds at least one sample and a window at least one chunk");
  expect_contract(options.rows == nullptr || options.rows->size() == options.samples,
                  "the samples of a part of a file are its rows");
}

std::uint64_t ShardedSampler::steps_per_epoch() const {
  const auto batch = static_cast<std::uint64_t>(options_.batch);
  return options_.samples / batch + (options_.samples % batch == 0 ? 0 : 1);
}

std::int64_t ShardedSampler::samples_in_step(std::uint64_t step) const {
  if (step >= steps_per_epoch()) return 0;
  const auto batch = static_cast<std::uint64_t>(options_.batch);
  return static_cast<std::int64_t>(std::min(batch, options_.samples - step * batch));
}

std::vector<std::uint64_t> ShardedSampler::shard_samples(std::uint64_t epoch, std::uint64_t step,
                                                         std::int64_t shard) const {
  expect_contract(shard >= 0 && shard < options_.shards, "a shard number lies in [0, shards)");
  const std::int64_t size = options_.batch / options_.shards;
  // At the tail the shards keep their places and the last ones run dry: B = 8, V = 4, 5 samples left give
  // shards of 2, 2, 1 and 0. Sharing them out evenly would move samples between shards, and so change which
  // numbers are summed first.
  const std::int64_t in_step = samples_in_step(step);
  const std::int64_t begin = std::min(shard * size, in_step);
  const std::int64_t end = std::min(begin + size, in_step);
  std::vector<std::uint64_t> items;
  items.reserve(static_cast<std::size_t>(end - begin));
  const std::uint64_t first = step * static_cast<std::uint64_t>(options_.batch);
  const std::uint64_t from = first + static_cast<std::uint64_t>(begin);
  const std::uint64_t to = first + static_cast<std::uint64_t>(end);
  if (begin >= end) return items;
  if (options_.rows != nullptr && options_.shuffle && options_.chunk > 1)
    append(partial_order(epoch), from, to, items);
  else
    append_range(options_, epoch, from, to, items);
  return items;
}

const PartialOrder& ShardedSampler::partial_order(std::uint64_t epoch) const {
  if (partial_order_ == nullptr || partial_order_->epoch() != epoch)
    partial_order_ = std::make_shared<const PartialOrder>(options_, epoch);
  return *partial_order_;
}

}  // namespace annulus::io
