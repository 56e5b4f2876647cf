// Reads, augments and lays out the next batch while the current one trains. One I/O thread reads; helper
// threads augment; `next()` rethrows whatever went wrong there.
//
// In: an epoch and a step; a source, the sampler that says which samples these are, a generator.
// Out: the step's own shards as a Batch, prepared `depth` batches ahead.
// Invariant: what is in a batch depends on (seed, epoch, step, shard) alone. One thread at a time reads the
// source.
// Next: sharded_sampler.cpp (which samples, with an example), batch_loader.cpp, batch_loader_maker.hpp (one
// batch).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "io/augmentation/augmentation.hpp"
#include "io/dataset/batch.hpp"
#include "io/dataset/sample_source.hpp"
#include "io/loading/sharded_sampler.hpp"

namespace annulus::io {

/// Makes the memory that images or pixels of a batch lie in, 64-byte aligned; called on the thread that makes
/// the loader.
using BatchMemory = std::function<std::shared_ptr<std::byte>(std::size_t bytes)>;

/// What becomes of the weights of a source's samples.
enum class SampleWeights {
  ignored,
  factors,  ///< of the losses: Shard::weights
};

struct LoaderOptions {
  std::int64_t first_shard = 0;  ///< owned shards [first_shard, first_shard + owned_shards)
  std::int64_t owned_shards = 1;
  BatchContent content = BatchContent::images;
  PixelLayout layout = PixelLayout::channels_last;
  SampleWeights weights = SampleWeights::ignored;
  int threads = 1;           ///< augmentation threads, the I/O thread included
  int depth = 2;             ///< batches prepared ahead
  BatchMemory memory = {};   ///< e.g. of a kind that a GPU reads directly; none: ordinary memory
  std::uint64_t epochs = 0;  ///< deliver so many epochs from the one given to seek(), then stop; 0 = no end
};

class SecondLook;

class BatchLoader {
 public:
  /// The source outlives the loader and is read by nobody else meanwhile; sampler and generator are copied.
  /// `generator` turns raw pixels into float images.
  /// @throws UsageError if there are no samples to deliver
  BatchLoader(SampleSource& source, const ShardedSampler& sampler, const Generator& generator,
              const LoaderOptions& options);
  ~BatchLoader();
  BatchLoader(const BatchLoader&) = delete;
  BatchLoader& operator=(const BatchLoader&) = delete;

  /// Starts delivering at (epoch, step); the following calls of next() continue through the epoch's last step
  /// and into the following epochs. Drops what was prepared, an error included; views of the last batch end.
  void seek(std::uint64_t epoch, std::uint64_t step);
  /// Waits for the next batch. The views in it stay valid until the following call.
  /// @pre seek() was called, and the last of `epochs` is not over
  /// @throws what the reading thread threw (DataError, ...), again at every later call until seek()
  const Batch& next();
  /// Makes the batch of a position once more, with float images whatever LoaderOptions::content says, and
  /// ends delivering: the views stay valid until seek(), which goes on. On the calling thread.
  /// @throws what the source throws
  const Batch& look_again(std::uint64_t epoch, std::uint64_t step);
  /// What the samples come from.
  const SourceInfo& info() const { return info_; }
  /// Seconds that next() has waited so far: loading is the bottleneck when it grows with the steps.
  double waited_seconds() const;

 private:
  class Impl;
  const SourceInfo& info_;
  std::unique_ptr<Impl> impl_;
  std::unique_ptr<SecondLook> second_look_;
};

}  // namespace annulus::io
