// Parameters, moving averages and optimizer states of a step, updated on the GPU.
#pragma once

#include <cuda_runtime_api.h>

#include <vector>

#include "comm/cuda/cuda.hpp"
#include "trainer/backend/contract/optimizer_state.hpp"
#include "trainer/backend/contract/step_engine.hpp"
#include "trainer/backend/cuda/device_model.hpp"
#include "trainer/backend/cuda/kernels/step_calls.hpp"
#include "trainer/backend/cuda/update_scalars.hpp"

namespace annulus::trainer::cuda {

/// The states live on the GPU; `mirror`, which outlives this, is their place on the host.
class DeviceOptimizer {
 public:
  DeviceOptimizer(const OptimizerConfig& config, DeviceModel& model, OptimizerState& mirror);

  /// Enqueues the update of the model's parameters and moving averages; capturable.
  /// @param sums  gradient buffer summed over all shards, device
  /// @param scalars, report  device
  void enqueue_update(const float* sums, const UpdateScalars* scalars, StepReport* report,
                      cudaStream_t stream);

  /// What the device has to know about the next update. @param unknown  steps before it whose verdict is not
  /// known yet: 0 or 1
  UpdateScalars next(const StepOrder& order, std::int64_t samples, std::uint64_t unknown) const;
  /// Counts a step that made an update.
  void count() { ++mirror_.steps; }

  /// States from and to their mirror. The host waits.
  void download(const comm::Stream& stream);
  void upload(const comm::Stream& stream);

 private:
  OptimizerConfig config_;
  DeviceModel& model_;
  OptimizerState& mirror_;
  comm::DeviceBuffer<Piece> pieces_;
  comm::DeviceBuffer<PieceRange> ranges_;
  comm::DeviceBuffer<SegmentRule> segments_;
  comm::DeviceBuffer<float> momenta_;
  std::vector<comm::DeviceBuffer<float>> states_;
  comm::DeviceBuffer<double> squares_;  ///< of the pieces: gradients, then parameters
  comm::DeviceBuffer<UpdateDecision> decision_;
  comm::DeviceBuffer<double> sums_;  ///< of the ranges: gradients, then parameters
};

}  // namespace annulus::trainer::cuda
