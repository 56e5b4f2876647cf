// A network compiled for one number of samples: its steps and the places of their tensors in a block of
// memory.
#pragma once

#include <vector>

#include "trainer/backend/contract/bad_value.hpp"
#include "trainer/backend/cuda/device_model.hpp"
#include "trainer/backend/cuda/steps/lowering.hpp"

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
  Program(const ProgramEnvironment& environment, Compiler::Shape shape);

  Compiler::Shape shape() const { return shape_; }
  std::size_t block_bytes() const { return block_bytes_; }
  /// Before the first run; the block stays where it is from then on.
  void place(std::byte* block) { block_ = block; }

  /// @pre shard.size is this program's number of samples
  void train(const DeviceShard& shard, float* gradients, cudaStream_t stream,
             const DeviceModel::Ready& ready);
  void predict(const DevicePrediction& prediction, cudaStream_t stream);

 private:
  void plan_ready();
  void run_forward(const ShardContext& context);
  void check_input(const ShardContext& context) const;
  void check_vectors(const ShardContext& context) const;
  void check_output(const PlannedStep& step, const ShardContext& context) const;
  void check_gradient(const PlannedStep& step, const ShardContext& context) const;
  void check_parameters(int layer, const ShardContext& context) const;
  /// Values of which every sample of the shard has `row`.
  struct Rows {
    const void* values;
    Element element;
    std::int64_t row;
  };
  std::int64_t first_bad(const void* values, Element element, std::int64_t count, cudaStream_t stream) const;
  std::int64_t first_bad(const Rows& rows, cudaStream_t stream) const;
  void add_samples(BadValue& bad, const Rows& rows, const ShardContext& context) const;
  std::string sample_name(std::int64_t row, const ShardContext& context) const;

  const ProgramEnvironment& environment_;
  Compiler::Shape shape_;
  MemoryPlan plan_;
  std::size_t block_bytes_ = 0;
  std::byte* block_ = nullptr;
  std::vector<PlannedStep> steps_;
  std::vector<std::size_t>
      ready_;  // by step: elements of the gradient buffer that are final after its backward
  mutable comm::DeviceBuffer<std::int64_t> found_;  // when values are checked
};

}  // namespace annulus::trainer::cuda
