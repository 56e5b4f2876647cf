// Fills one buffer of the loader with one step's batch: sample numbers, raw pixels, images.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "base/worker_pool.hpp"
#include "io/augmentation/augmentation.hpp"
#include "io/dataset/batch.hpp"
#include "io/dataset/sample_source.hpp"
#include "io/loading/batch_loader.hpp"
#include "io/loading/sharded_sampler.hpp"

namespace annulus::io {

inline constexpr std::size_t kBatchAlignment = 64;

struct Position {
  std::uint64_t epoch = 0;
  std::uint64_t step = 0;
};

/// Memory of one prepared batch, sized for a full step.
struct BatchBuffer {
  std::shared_ptr<std::byte> memory;   ///< images or pixels
  std::shared_ptr<std::byte> vectors;  ///< floats; null when there are none
  std::vector<std::int32_t> labels;
  std::vector<std::uint64_t> samples;  ///< numbers for the source
  std::vector<std::uint64_t> keys;     ///< of what is random about them: the numbers where each is drawn once
  std::vector<float> weights;          ///< empty when samples have none, or nobody wants them
  std::vector<float> shares;           ///< empty when samples are not mixed
  std::vector<float*> outputs;         ///< where each image goes
  Batch batch;
};

/// Makes one batch at a time; used by one thread, which its helpers join.
class BatchMaker {
 public:
  BatchMaker(SampleSource& source, const ShardedSampler& sampler, const Generator& generator,
             const LoaderOptions& options);

  void allocate(BatchBuffer& buffer) const;
  /// @pre the buffer is allocated   @throws what the source throws
  void make(Position position, BatchBuffer& buffer);

 private:
  void announce_draws(std::uint64_t epoch);
  void fill(BatchBuffer& buffer);
  void make_images(BatchBuffer& buffer);
  void mix(const BatchBuffer& buffer);
  bool weighs() const;
  std::span<float> vectors_of(const BatchBuffer& buffer) const;
  void lay_out(Position position, BatchBuffer& buffer) const;
  void describe(Position position, const std::vector<std::size_t>& sizes, BatchBuffer& buffer) const;
  void add_factors(BatchBuffer& buffer) const;

  SampleSource& source_;
  ShardedSampler sampler_;
  Generator generator_;
  LoaderOptions options_;
  WorkerPool pool_;
  std::size_t shard_size_;        ///< samples of a full shard
  std::size_t image_size_;        ///< values of an image as the generator makes it
  std::size_t image_bytes_;       ///< of a raw image
  std::size_t vector_floats_;     ///< of all vectors of a sample
  std::size_t shard_stride_ = 0;  ///< floats between shards, a multiple of the alignment
  std::vector<std::byte> raw_;
  std::optional<std::uint64_t> announced_;  ///< epoch whose draws the source has heard of
};

}  // namespace annulus::io
