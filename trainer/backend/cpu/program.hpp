// A network compiled for one number of samples: the steps with their primitives, and one block of memory for
// all activations, gradients and scratchpads. Each worker thread has its own.
//
// In: a network and the number of samples of a shard; then shards and the parameters in this backend's
// layout.
// Out: gradients and loss of a shard, in the layout of the parameter arena.
// Invariant: a program is planned once and, but for debug checks, allocates nothing when it runs; two
// programs of a replica share nothing that they write.
// Next: lowering.cpp (which step for which pattern), step.hpp (a step), program_builder.hpp (what steps
// ask for while they are planned), parameter_store.hpp (layouts of weights), cpu_replica.cpp (threads).
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "io/dataset/batch.hpp"
#include "trainer/backend/cpu/lowering.hpp"
#include "trainer/backend/planning/program_checks.hpp"

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
  /// oneDNN's choices, a line a call.
  const std::string& kernels() const { return kernels_; }

  /// After backward of each step: the first `ready` elements of the gradient buffer are final.
  using Ready = std::function<void(std::size_t ready)>;
  /// Forward and backward of a shard of exactly this program's number of samples.
  /// @param gradients  the shard's buffer, all of it is written
  void train(const dnnl::stream& stream, std::uint64_t epoch, const io::Shard& shard,
             std::span<float> gradients, const Ready& ready);
  /// The same in parts, where steps wait for sums over all shards: begin(), then advance() until it returns
  /// false. The shard and its buffer outlive that; the program runs nothing else meanwhile.
  void begin(const dnnl::stream& stream, std::uint64_t epoch, const io::Shard& shard,
             std::span<float> gradients);
  /// @param total  the sum that it waits for; empty in the beginning
  /// @param own    this shard's part of the next sum, zero before; empty when none is left
  /// @return whether it waits for a sum now
  bool advance(std::span<const float> total, std::span<float> own, const Ready& ready);
  /// @pre the block holds exactly this program's number of samples
  void predict(const dnnl::stream& stream, const PredictBlock& block);

 private:
  struct GradientTarget {
    dnnl::memory memory;
    std::size_t offset = 0;  // in the gradient buffer
  };
  using Checks = std::optional<ProgramChecks>;  // none: values are not looked at
  /// A shard that has begun. Positions: steps forward, then backward.
  struct OpenShard {
    ShardContext context;
    Checks checks;
    std::size_t position = 0;
    int round = -1;  ///< of the sums that the step at this position waits for; -1 = it waits for none
  };
  void plan_gradients(const ProgramBuilder& builder);
  void set_input(std::span<const float> images);
  Checks checks(std::span<const float> images, const ShardContext& context) const;
  SearchedTensor tensor(const Value& value, BufferId buffer) const;
  bool share(OpenShard& shard, std::span<const float> total, std::span<float> own);
  void run_forward(std::size_t step, const ShardContext& context, const Checks& checks);
  void run_backward(std::size_t step, const ShardContext& context, const Checks& checks, const Ready& ready);
  void check_backward(std::size_t step, const ShardContext& context, const ProgramChecks& checks) const;

  const ProgramEnvironment& environment_;
  ProgramShape shape_;
  MemoryPlan plan_{64};  // bytes: a cache line, and what kernels may store to without caching
  std::size_t block_bytes_ = 0;
  std::byte* block_ = nullptr;
  AlignedMemory<std::byte> memory_;
  std::vector<PlannedStep> steps_;
  std::vector<SharingStep*> sharing_;  // by step; null for most
  std::string kernels_;
  std::vector<dnnl::memory> inputs_;
  std::vector<GradientTarget> gradients_;
  std::vector<std::size_t> ready_;  // by step: elements of the gradient buffer that are final after it
  std::optional<OpenShard> open_;
};

}  // namespace annulus::trainer::cpu
