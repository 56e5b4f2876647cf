// An evaluation on the GPU: stored pixels go up, images are made there by the kernels of training.
#pragma once

#include <memory>

#include "comm/cuda/cuda.hpp"
#include "trainer/backend/contract/batch_predictor.hpp"
#include "trainer/backend/cuda/augmentation_setup.hpp"
#include "trainer/backend/cuda/device_model.hpp"

namespace annulus::trainer::cuda {

/// Blocks follow each other on one stream and take turns in the same memory; the host waits once a batch.
class BatchPrediction final : public BatchPredictor {
 public:
  /// @param images  device, room for the floats of one block; others may use it between two calls
  /// @pre the generator augments nothing
  /// @throws OutOfDeviceMemory
  BatchPrediction(DeviceModel& model, const comm::Stream& stream, float* images,
                  const PredictorOptions& options);

  io::BatchContent content() const override { return io::BatchContent::pixels; }
  io::BatchMemory batch_memory() const override;
  void predict(const io::Batch& batch, std::span<const PredictBlock> blocks) override;

 private:
  void enqueue_block(const io::Batch& batch, std::int64_t first, std::int64_t count);
  void enqueue_images(std::int64_t count);

  DeviceModel& model_;
  const comm::Stream& stream_;
  float* images_;
  AugmentationSetup setup_;
  io::PixelType pixel_type_;
  std::size_t image_bytes_;
  std::size_t row_floats_;  ///< all vectors of a sample
  std::size_t classes_;
  comm::DeviceBuffer<float> scale_, offset_;
  comm::DeviceBuffer<double> sums_;  ///< of normalisation by image, as maps_
  comm::DeviceBuffer<float> maps_;
  comm::DeviceBuffer<io::AugmentationPlan> plans_;  ///< of a block; where images are cropped
  comm::DeviceBuffer<std::byte> pixels_;            ///< of a block
  comm::DeviceBuffer<float> vectors_;               ///< likewise
  comm::DeviceBuffer<float> probabilities_;         ///< of a batch
  comm::PinnedBuffer<float> results_;               ///< the same for the host
};

}  // namespace annulus::trainer::cuda
