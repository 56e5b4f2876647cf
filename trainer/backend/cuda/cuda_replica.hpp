// A replica on a GPU with mirrors of its arenas in host memory. Whole training steps are the engine's matter
// (cuda_step_engine.hpp), which works on model() and stream() directly.
//
// In and out: as every replica (trainer/backend/contract/replica.hpp), in host memory; inside, on one
// stream.
// Invariant: everything that a step needs was allocated and chosen before the first one, so that a step
// can be captured as a graph and launched again.
// Next: device_model.hpp (what lies on the GPU), program.hpp (steps of a shard), cuda_step_engine.hpp
// (a whole step, captured by step_graph.hpp), device_optimizer.hpp (the update).
#pragma once

#include <string>

#include "comm/cuda/cuda.hpp"
#include "trainer/backend/contract/replica.hpp"
#include "trainer/backend/cuda/device_model.hpp"

namespace annulus::trainer::cuda {

class CudaReplica final : public Replica {
 public:
  /// @throws OutOfDeviceMemory, and as DeviceModel
  CudaReplica(const Network& network, const CompileOptions& options, Precision precision);

  DeviceModel& model() { return model_; }
  const DeviceModel& model() const { return model_; }
  const comm::Stream& stream() const { return stream_; }

  const Network& network() const override { return model_.network(); }
  const ArenaLayout& layout() const override { return model_.layout(); }
  io::PixelLayout pixel_layout() const override { return io::PixelLayout::channels_last; }
  WorkerPool& workers() override { return workers_; }
  std::span<float> parameters() override { return parameters_.span(); }
  std::span<float> statistics() override { return statistics_.span(); }
  void upload() override;
  void download() override;

  /// One shard after the other, through host memory: for a reducer on the host. Tests compare backends with
  /// it.
  void train(const io::Batch& batch, comm::GradientReducer& reducer) override;
  void predict(const PredictBlock& block) override;
  std::unique_ptr<BatchPredictor> make_predictor(const PredictorOptions& options) override;

  std::vector<float> read(const Segment& segment, std::span<const float> arena) const override {
    return model_.read(segment, arena);
  }
  void write(const Segment& segment, std::span<const float> values, std::span<float> arena) const override {
    model_.write(segment, values, arena);
  }
  void set_checks(ValueChecks checks) override { model_.set_checks(checks); }
  const char* kind() const override { return "cuda"; }
  std::string describe() const override;
  Machine machine() const override;

 private:
  void train_shard(const io::Batch& batch, const io::Shard& shard, comm::GradientReducer& reducer);
  const float* send_images(std::span<const float> images);
  const float* send_vectors(std::span<const float> vectors, std::int64_t samples);

  DeviceModel model_;
  comm::Stream stream_;
  WorkerPool workers_;
  comm::PinnedBuffer<float> parameters_;
  comm::PinnedBuffer<float> statistics_;
  comm::DeviceBuffer<float> images_;   ///< of a shard or a prediction that comes from the host
  comm::DeviceBuffer<float> vectors_;  ///< that come with them
  comm::DeviceBuffer<float> probabilities_;
  comm::DeviceBuffer<float> gradients_;  ///< of train(), made at its first call
};

}  // namespace annulus::trainer::cuda
