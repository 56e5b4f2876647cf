// A network compiled for one number of samples: the steps with their primitives, and one block of memory for
// all activations, gradients and scratchpads. Each worker thread has its own.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "io/dataset/batch.hpp"
#include "trainer/backend/cpu/lowering.hpp"

namespace annulus::trainer::cpu {

/// What all programs of a replica share; outlives them.
struct ProgramEnvironment {
  const Network& network;
  const CompileOptions& options;
  const dnnl::engine& engine;
  ParameterStore& store;
};

/// Memory that the programs of one worker take turns in.
using SharedBlock = std::span<std::byte>;

class Program {
 public:
  /// Compiles. The first training program defines the layouts of the parameters.
  /// @param block  used when large enough, else the program allocates its own
  Program(const ProgramEnvironment& environment, ProgramShape shape, SharedBlock block);

  /// The block that this program allocated, for others to share; empty if it uses someone else's.
  SharedBlock own_block() const { return {memory_.get(), memory_ ? block_bytes_ : 0}; }

  /// After backward of each step: the first `ready` elements of the gradient buffer are final.
  using Ready = std::function<void(std::size_t ready)>;
  /// Forward and backward of a shard of exactly this program's number of samples.
  /// @param gradients  the shard's buffer, all of it is written
  void train(const dnnl::stream& stream, std::uint64_t epoch, const io::Shard& shard,
             std::span<float> gradients, const Ready& ready);
  /// @pre the block holds exactly this program's number of samples
  void predict(const dnnl::stream& stream, const PredictBlock& block);

  std::int64_t samples() const { return shape_.samples; }

 private:
  struct GradientTarget {
    dnnl::memory memory;
    std::size_t offset = 0;  // in the gradient buffer
  };
  void plan_gradients(const ProgramBuilder& builder);
  void set_input(std::span<const float> images);
  void check_input(std::span<const float> images, const ShardContext& context) const;
  void check_vectors(const ShardContext& context) const;
  void run_forward(const ShardContext& context);
  void run_backward(const ShardContext& context, const Ready& ready);
  void check_output(const PlannedStep& step, const ShardContext& context, Phase phase) const;
  std::string sample_name(std::size_t row, const ShardContext& context) const;
  void check_parameters(std::size_t step, const ShardContext& context) const;

  const ProgramEnvironment& environment_;
  ProgramShape shape_;
  std::size_t block_bytes_ = 0;
  AlignedMemory<std::byte> memory_;
  std::vector<PlannedStep> steps_;
  std::vector<dnnl::memory> inputs_;
  std::vector<GradientTarget> gradients_;
  std::vector<std::size_t> ready_;  // by step: elements of the gradient buffer that are final after it
};

}  // namespace annulus::trainer::cpu
