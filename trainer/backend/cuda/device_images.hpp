// The training images of a rank on its GPU, and the vectors beside them: the whole split where it fits, else
// each batch as it comes from the loader. Either way images are augmented by the same kernels.
#pragma once

#include <array>
#include <cstdint>

#include "comm/cuda/cuda.hpp"
#include "io/dataset/sample_source.hpp"
#include "io/loading/batch_loader.hpp"
#include "trainer/backend/cuda/augmentation_setup.hpp"
#include "trainer/backend/cuda/kernels/step_calls.hpp"

namespace annulus::trainer::cuda {

struct DeviceImagesOptions {
  io::SampleSource& source;  ///< read by the constructor only
  ImageOptions images;
  std::int64_t shard_samples = 1;
  std::int64_t owned_shards = 1;
  std::int64_t resident_mb = -1;  ///< keep the split on the GPU up to this size; -1: in half of what is free
};

/// Belongs to the device that is current when it is made; one host thread.
class DeviceImages {
 public:
  /// @throws OutOfDeviceMemory, what the source throws
  explicit DeviceImages(const DeviceImagesOptions& options);

  /// What the loader should bring along, and the memory that it should bring it in.
  io::BatchContent content() const;
  io::BatchMemory batch_memory() const;

  /// Starts the copy of a batch's pixels and vectors into one of two places in turn, beside what `compute` is
  /// doing; what is enqueued on `compute` afterwards finds them. Nothing to do when all images are on the
  /// GPU.
  /// @pre the step before the last one is over: it used the same place
  void send(const io::Batch& batch, cudaStream_t compute);
  /// The host waits until the batch's memory has been read.
  void wait_sent() const;

  /// Where a shard lies within its step, in device memory.
  struct ShardPlace {
    const std::uint64_t* samples;
    std::int32_t* labels;  ///< written when all images are on the GPU; else the sender has filled them
    const float* shares;   ///< (size) io::Shard::shares; null: nothing is mixed
    std::int64_t first;    ///< number of its first sample among the rank's samples of the step
    std::int64_t size;
    const StepScalars* scalars;
  };
  /// Device memory.
  struct ShardInputs {
    const float* images;   ///< (size, H, W, C)
    const float* vectors;  ///< (size, total_length(SourceInfo::vectors)); null when that is 0
  };
  /// Enqueues images and vectors (and labels) of a shard; capturable. Every shard uses the same memory.
  ShardInputs enqueue_shard(const ShardPlace& shard, cudaStream_t compute);

 private:
  /// Memory for one of the two batches on their way.
  struct Staging {
    comm::DeviceBuffer<std::byte> pixels;
    comm::DeviceBuffer<float> vectors;
  };

  /// Host memory between the source and the GPU.
  struct ReadingPlace {
    comm::PinnedBuffer<std::byte> pixels;
    comm::PinnedBuffer<float> vectors;
    comm::PinnedBuffer<std::int32_t> labels;
  };
  struct SampleRange {
    std::uint64_t begin, end;
  };

  void load_all(io::SampleSource& source);
  void load(io::SampleSource& source, const ReadingPlace& place, SampleRange range);
  void make_staging();
  const float* enqueue_vectors(const ShardPlace& shard, cudaStream_t compute);
  const float* enqueue_own_vectors(const ShardPlace& shard, cudaStream_t compute);

  AugmentationSetup setup_;
  io::SourceInfo source_;
  std::size_t image_bytes_;
  std::size_t row_floats_;  ///< all vectors of a sample
  std::int64_t shard_samples_;
  std::int64_t owned_shards_;
  bool resident_ = false;
  comm::Stream copies_;  ///< from the host; the members below are filled through it
  comm::Event sent_;
  comm::DeviceBuffer<float> scale_, offset_;
  comm::DeviceBuffer<io::AugmentationPlan> plans_;
  comm::DeviceBuffer<double> sums_;
  comm::DeviceBuffer<float> ranges_;
  comm::DeviceBuffer<float> maps_;
  comm::DeviceBuffer<float> images_;         ///< network input of one shard
  comm::DeviceBuffer<float> mixed_;          ///< of images_, where samples are mixed
  comm::DeviceBuffer<float> mixed_vectors_;  ///< likewise
  comm::DeviceBuffer<std::byte> pixels_;     ///< the whole split, or those of the step
  comm::DeviceBuffer<float> vectors_;        ///< likewise
  comm::DeviceBuffer<float> shard_vectors_;  ///< of one shard, gathered from the whole split
  comm::DeviceBuffer<std::int32_t> labels_;  ///< of the whole split
  std::array<Staging, 2> staging_;
  std::size_t next_staging_ = 0;
};

}  // namespace annulus::trainer::cuda
