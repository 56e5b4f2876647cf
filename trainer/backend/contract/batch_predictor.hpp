// Batches of an evaluation on a device that makes the images itself.
#pragma once

#include <memory>
#include <span>

#include "io/loading/batch_loader.hpp"
#include "trainer/backend/contract/replica.hpp"

namespace annulus::trainer {

struct PredictorOptions {
  const io::SourceInfo& source;    ///< what the batches come from
  const io::Generator& generator;  ///< how images are made of it
  std::int64_t block_samples = 1;  ///< of a shard at most; CompileOptions::predict_samples at most
  std::int64_t owned_shards = 1;   ///< of a batch
};

/// Predicts the batches of one split as the loader brings them. Belongs to a replica, which outlives it.
class BatchPredictor {
 public:
  virtual ~BatchPredictor() = default;
  /// What the loader should bring along, and the memory that it should bring it in.
  virtual io::BatchContent content() const = 0;
  virtual io::BatchMemory batch_memory() const = 0;
  /// As Replica::predict_blocks, for a batch of that content.
  /// @param blocks  of the batch's shards in order, empty ones left out; images and vectors are not looked at
  virtual void predict(const io::Batch& batch, std::span<const PredictBlock> blocks) = 0;
};

}  // namespace annulus::trainer
