// Which samples a step uses, and which shard each of them belongs to: a pure function of (seed, epoch, step).
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/random.hpp"
#include "io/dataset/row_set.hpp"
#include "io/loading/draws.hpp"

namespace annulus::io {

struct SamplerOptions {
  std::uint64_t samples = 0;  ///< N of the source (or of the used part of it)
  std::int64_t batch = 1;     ///< B, global
  std::int64_t shards = 1;    ///< V; divides B
  std::uint64_t seed = 0;
  bool shuffle = true;  ///< evaluation keeps the stored order
  /// Every epoch has new samples: position p of epoch e is sample e * samples + p, whatever `shuffle` says.
  bool endless = false;
  std::uint64_t chunk = 1;  ///< > 1: shuffle chunks, then samples inside windows of `window_chunks` chunks
  std::uint64_t window_chunks = 1;  ///< chunks that streaming readers hold in memory at once, all together
  /// Runs of the order that shards walk each for itself, so that a rank reads only what its own need; divides
  /// the shards. 1: every step is cut out of one order.
  std::int64_t streams = 1;
  /// With chunks: the rows that the samples are, when they are not all rows of the file; null: all of them.
  std::shared_ptr<const RowSet> rows = {};
  /// How often each sample is drawn in an epoch; null: once. Shuffled orders only.
  std::shared_ptr<const DrawCounts> draws = {};
};

/// Streams for a window of so many chunks: a shard each, or fewer where not every one can have a chunk in it.
std::int64_t shuffle_streams(std::int64_t shards, std::uint64_t window_chunks);

class ChunkOrder;
struct Stream;

/// Every sample exactly once per epoch at any N, B, V: step s covers positions [sB, min((s+1)B, N)) of the
/// shuffled order, shard v of it the v-th run of B/V positions; at the tail shards are short or empty. The
/// order is defined globally, so it knows nothing of ranks. With chunks, the chunks lie in random order, and
/// windows of `window_chunks` of them follow one another, each shuffled sample by sample. With streams, that
/// order is cut into as many runs, and every step takes its share from each (chunk_order.cpp). With draws,
/// the N draws of an epoch take the place of the N samples, in all of this. One thread at a time uses a
/// sampler; copies are independent.
class ShardedSampler {
 public:
  /// @throws UsageError if the shards do not divide the batch
  explicit ShardedSampler(const SamplerOptions& options);

  std::uint64_t steps_per_epoch() const;
  /// Samples of a step over all shards: B, or the rest at the tail.
  std::int64_t samples_in_step(std::uint64_t step) const;
  /// Sample numbers of shard v of a step, in order; empty past the tail. With draws these are keys: whose
  /// draw it is says sample_of(), and no two of an epoch are equal (base/draw_key.hpp).
  std::vector<std::uint64_t> shard_samples(std::uint64_t epoch, std::uint64_t step, std::int64_t shard) const;
  /// The samples that are drawn in an epoch, each as often as it is; null: each once.
  std::shared_ptr<const RowSet> drawn(std::uint64_t epoch) const;
  const SamplerOptions& options() const { return options_; }

 private:
  Stream stream(std::int64_t number) const;
  /// Chunks of a window of one stream.
  std::uint64_t stream_window() const;
  void append(const Stream& stream, std::uint64_t epoch, std::uint64_t from, std::uint64_t to,
              std::vector<std::uint64_t>& items) const;
  const ChunkOrder& chunk_order(std::uint64_t epoch) const;
  /// Items of the shuffled order, which are draws in the order of their samples, become keys.
  void name_draws(std::uint64_t epoch, std::vector<std::uint64_t>& items) const;

  SamplerOptions options_;
  mutable std::shared_ptr<const ChunkOrder> chunk_order_;  ///< of the epoch asked for last
  mutable std::shared_ptr<const RowSet> drawn_;            ///< with draws: of drawn_epoch_
  mutable std::uint64_t drawn_epoch_ = 0;
};

}  // namespace annulus::io
