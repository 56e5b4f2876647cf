// Whole training steps on a GPU: one copy of a few kilobytes, one launch of a captured graph, one small copy
// back that the host looks at one step later.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>

#include "comm/device/reducer.hpp"
#include "trainer/backend/contract/cuda_backend.hpp"
#include "trainer/backend/cuda/cuda_replica.hpp"
#include "trainer/backend/cuda/device_images.hpp"
#include "trainer/backend/cuda/device_optimizer.hpp"
#include "trainer/backend/cuda/step_graph.hpp"

namespace annulus::trainer::cuda {

class CudaStepEngine final : public StepEngine {
 public:
  /// Collective. @throws OutOfDeviceMemory, PeerError, and as its parts do
  explicit CudaStepEngine(const CudaStepParts& parts);
  ~CudaStepEngine() override;
  CudaStepEngine(const CudaStepEngine&) = delete;
  CudaStepEngine& operator=(const CudaStepEngine&) = delete;

  void begin(const io::Batch& batch, const StepOrder& order) override;
  StepResult finish() override;
  std::size_t steps_ahead() const override { return ahead_; }
  void download() override;
  void upload() override;
  io::BatchContent content() const override { return images_.content(); }
  io::BatchMemory batch_memory() const override { return images_.batch_memory(); }

 private:
  /// What the host tells the GPU at the start of a step, in one block of memory: scalars, then sample numbers
  /// and labels of all owned shards, and their weights and shares where they have some.
  struct Block {
    StepScalars scalars;
    UpdateScalars update;
  };
  /// Host's side of one of the two steps that may be under way.
  struct Slot {
    comm::PinnedBuffer<std::byte> block;
    comm::PinnedBuffer<StepReport> report;
    comm::Event over;  ///< the step has reported
    comm::Stream
        results;  ///< waits for `over` and nothing else, so that waiting for it leaves the next step alone
    std::int64_t samples = 0;
  };
  /// Steps of one shape, which the number of samples of a step (over all ranks) decides: all ranks capture
  /// and launch at the same steps.
  struct Shape {
    int steps = 0;  ///< so far without a graph
    std::unique_ptr<StepGraph> graph;
  };

  struct ShardOrder {
    std::size_t place;   ///< of its sample numbers and labels
    std::int64_t first;  ///< samples of the rank's shards before it
  };

  void fill(Slot& slot, const io::Batch& batch, const StepOrder& order);
  void run(const io::Batch& batch);
  void enqueue_step(const io::Batch& batch);
  void enqueue_shard(const io::Shard& shard, const ShardOrder& order);
  void give_up_graphs() noexcept;
  std::uint64_t* samples_of(std::byte* block) const;
  std::int32_t* labels_of(std::byte* block) const;
  float* weights_of(std::byte* block) const;
  float* shares_of(std::byte* block) const;

  CudaReplica& replica_;
  comm::DeviceLink* link_;    ///< of the group; null for a rank alone
  cudaStream_t stream_;       ///< of the replica: all of a step but communication and copies from the host
  std::size_t shard_stride_;  ///< elements from one shard's sample numbers (or labels) to the next one's
  std::size_t entries_;       ///< sample numbers (or labels) in a block, gaps included
  std::size_t weights_;       ///< likewise, or 0 where samples have none
  std::size_t shares_;        ///< likewise
  std::size_t ahead_;
  bool uses_graphs_;
  DeviceOptimizer optimizer_;
  DeviceImages images_;
  std::unique_ptr<comm::DeviceReducer> reducer_;
  comm::DeviceBuffer<std::byte> block_;
  comm::DeviceBuffer<StepReport> report_;
  std::array<Slot, 2> slots_;
  std::map<std::int64_t, Shape> shapes_;
  std::uint64_t begun_ = 0;
  std::uint64_t finished_ = 0;
};

}  // namespace annulus::trainer::cuda
