// A network compiled for one number of samples: its steps and the places of their tensors in a block of
// memory.
#pragma once

#include <optional>
#include <vector>

#include "trainer/backend/cuda/device_model.hpp"
#include "trainer/backend/cuda/steps/lowering.hpp"
#include "trainer/backend/planning/program_checks.hpp"

namespace annulus::trainer::cuda {

/// What all programs of a model share; outlives them.
struct ProgramEnvironment {
  const Network& network;
  const CompileOptions& options;
  Libraries& libraries;
  const ParameterStore& store;
  LossParameters loss;
};

class Program {
 public:
  /// Plans and tries out kernels; not while a stream of this thread is captured.
  Program(const ProgramEnvironment& environment, ProgramShape shape);

  ProgramShape shape() const { return shape_; }
  std::size_t block_bytes() const { return block_bytes_; }
  const KernelAccount& account() const { return account_; }
  /// Before the first run; the block stays where it is from then on.
  void place(std::byte* block) { block_ = block; }

  /// @pre shard.size is this program's number of samples
  void train(const DeviceShard& shard, float* gradients, cudaStream_t stream,
             const DeviceModel::Ready& ready);
  void predict(const DevicePrediction& prediction, cudaStream_t stream);

 private:
  using Checks = std::optional<ProgramChecks>;  // none: values are not looked at
  Checks checks(const ShardContext& context) const;
  void run_forward(const ShardContext& context, const Checks& checks);
  void check_parameters(int layer, const ShardContext& context, const ProgramChecks& checks) const;
  SearchedTensor tensor(const void* values, Element element, std::int64_t count, cudaStream_t stream) const;

  const ProgramEnvironment& environment_;
  ProgramShape shape_;
  MemoryPlan plan_{256};  // bytes: as libraries like their tensors
  std::size_t block_bytes_ = 0;
  std::byte* block_ = nullptr;
  std::vector<PlannedStep> steps_;
  KernelAccount account_;
  std::vector<std::size_t> ready_;                  // by step, see ready_table()
  mutable comm::DeviceBuffer<std::int64_t> found_;  // when values are checked
};

}  // namespace annulus::trainer::cuda
