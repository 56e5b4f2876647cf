// Memory that the ranks of one host share for a reducer: the sums of all ranks, where all of them can read
// and write, and flags that say how far each has come. Private to comm.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "base/node_memory.hpp"
#include "comm/host/gradient_reducer.hpp"
#include "comm/host/tree_plan.hpp"

namespace annulus::comm {

class SharedArea {
 public:
  /// Collective. @return null when options offer no shared memory, or the host has no room for it
  static std::unique_ptr<SharedArea> make(const ReducerOptions& options, int ranks, std::size_t runs);

  /// The gradient buffer of a maximal node, of any rank; index as in the tree plan. 64-byte aligned.
  float* node(std::size_t index) const { return buffers_ + index * stride_; }
  /// How often a rank has put a run into its nodes, and how often it has summed its part of that run.
  std::atomic<std::uint64_t>& given(int rank, std::size_t run) const { return flag(rank, run); }
  std::atomic<std::uint64_t>& summed(int rank, std::size_t run) const { return flag(rank, runs_ + run); }

 private:
  SharedArea() = default;
  std::atomic<std::uint64_t>& flag(int rank, std::size_t place) const {
    return flags_[static_cast<std::size_t>(rank) * flag_stride_ + place];
  }

  std::unique_ptr<NodeMemory> memory_;
  std::size_t runs_ = 0;
  std::size_t flag_stride_ = 0;  // flags of a rank, on cache lines of its own
  std::size_t stride_ = 0;       // floats of a buffer
  std::atomic<std::uint64_t>* flags_ = nullptr;
  float* buffers_ = nullptr;
};

}  // namespace annulus::comm
