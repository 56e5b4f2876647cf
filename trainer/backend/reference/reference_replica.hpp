// The reference backend: the oracle in tests. Plain loops in double; slow on purpose.
//
// In and out: as every replica (trainer/backend/contract/replica.hpp).
// Invariant: no kernel here is clever. Every other backend is held to these numbers; these are held to
// finite differences and to cases worked out by hand.
// Next: kernel.hpp (one layer), graph_pass.hpp (all of them), softmax_loss.hpp.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "trainer/backend/contract/replica.hpp"
#include "trainer/backend/planning/step_sums.hpp"
#include "trainer/backend/reference/graph_pass.hpp"
#include "trainer/backend/reference/parameter_arena.hpp"

namespace annulus::trainer::reference {

/// A softmax in the last layer belongs to the loss; without one the network's output is taken as logits.
class ReferenceReplica final : public Replica {
 public:
  ReferenceReplica(const Network& network, const CompileOptions& options);

  const Network& network() const override { return network_; }
  const ArenaLayout& layout() const override { return arena_.layout(); }
  io::PixelLayout pixel_layout() const override { return io::PixelLayout::channels_last; }
  WorkerPool& workers() override { return workers_; }
  std::span<float> parameters() override { return arena_.parameters(); }
  std::span<float> statistics() override { return arena_.statistics(); }
  void train(const io::Batch& batch, comm::GradientReducer& reducer) override;
  std::size_t step_sum_elements() const override { return sums_.elements; }
  comm::GradientReducer* set_step_sums(comm::GradientReducer* sums) override {
    return std::exchange(step_sums_, sums);
  }
  void predict(const PredictBlock& block) override;
  std::vector<float> read(const Segment& segment, std::span<const float> arena) const override;
  void write(const Segment& segment, std::span<const float> values, std::span<float> arena) const override;
  void set_checks(ValueChecks checks) override { options_.check_values = checks == ValueChecks::on; }
  const char* kind() const override { return "reference"; }
  std::string describe() const override;
  Machine machine() const override { return {.libraries = "plain loops"}; }

 private:
  /// What all shards of a step share, and a shard that is under way.
  struct Step;
  class ShardRun;
  void check_labels(const io::Shard& shard) const;

  Network network_;
  Network logits_;  ///< the same without the softmax at its end
  CompileOptions options_;
  std::vector<std::unique_ptr<const Kernel>> kernels_;
  ParameterArena arena_;
  StepSums sums_;
  comm::GradientReducer* step_sums_ = nullptr;
  WorkerPool workers_;
};

}  // namespace annulus::trainer::reference
