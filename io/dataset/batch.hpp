// One step's input as a rank sees it: its shards, ready for the device.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/shape.hpp"
#include "io/dataset/read_counts.hpp"

namespace annulus::io {

/// Order of the values of an image in memory. Users see channels last; a backend asks for what it reads best.
enum class PixelLayout { channels_last, channels_first };

/// What a batch brings along beside sample numbers.
enum class BatchContent {
  images,  ///< augmented float images, labels and vectors
  pixels,  ///< pixels as they are stored, labels and vectors: whoever trains augments them
  numbers  ///< nothing: whoever trains has pixels, labels and vectors
};

/// One shard: at most batch/shards samples; fewer (or none) at the tail of an epoch.
struct Shard {
  std::int64_t index = 0;                ///< v, over all ranks
  std::span<const float> images;         ///< (n, H, W, C) or (n, C, H, W), 64-byte aligned; else empty
  std::span<const std::int32_t> labels;  ///< (n) in [0, classes); empty with BatchContent::numbers
  std::span<const std::uint64_t>
      samples;  ///< (n) keys of per-sample randomness: sample numbers in the dataset (base/draw_key.hpp)
  /// (n, total_length(SourceInfo::vectors)); empty with BatchContent::numbers
  std::span<const float> vectors = {};
  /// (n) factors of the losses of the samples; empty: all one
  std::span<const float> weights = {};
  /// (n) mixup: share of sample i in its mixture with sample i + 1 (the last one: with the first); of image
  /// and vectors, which are mixed already where the host makes them, and of the loss. Empty: none is mixed.
  std::span<const float> shares = {};
  std::int64_t size() const { return static_cast<std::int64_t>(samples.size()); }
};

/// This rank's shards of one step. Views into the loader's buffers: valid until the loader's next() is
/// called.
struct Batch {
  std::uint64_t epoch = 0;
  std::uint64_t step = 0;     ///< within the epoch
  std::int64_t samples = 0;   ///< in this step over all ranks; what the gradient sum is divided by
  std::vector<Shard> shards;  ///< the owned ones in order, empty shards included
  /// With BatchContent::pixels the stored pixels of all owned shards, one image after another: (n, H, W, C)
  /// of the source's pixel type, 64-byte aligned.
  std::span<const std::byte> pixels;
  /// Shard::vectors of all owned shards, one sample after another, 64-byte aligned.
  std::span<const float> vectors = {};
  ReadCounts read = {};  ///< of the source on this rank, up to this batch
};

}  // namespace annulus::io
