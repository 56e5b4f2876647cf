// Remembers when each buffer of a program is used, so that all of them can share one block of memory. Plain:
// knows sizes and times only.
#pragma once

#include <cstddef>
#include <vector>

namespace annulus::trainer {

/// A step runs once in each of them.
enum class Pass { forward, backward };

/// A piece of the block; kNoBuffer for "not wanted".
using BufferId = int;
constexpr BufferId kNoBuffer = -1;
/// The images themselves: not in the block, their address comes with each shard.
constexpr BufferId kInputBuffer = -2;

/// Steps run forward in order, then backward in reverse. A buffer is kept from its first to its last use.
class MemoryPlan {
 public:
  /// @param alignment  of every buffer in the block, in bytes
  explicit MemoryPlan(std::size_t alignment) : alignment_(alignment) {}

  /// From here on, uses belong to the next step.
  void next_step() { ++step_; }

  BufferId buffer(std::size_t bytes = 0);
  /// The current step uses the buffer in this pass, at least `bytes` of it.
  void use(BufferId buffer, Pass pass, std::size_t bytes = 0);

  /// Places all buffers, those that live at one time beside each other. @return bytes of the block
  std::size_t lay_out();
  /// @pre lay_out() was called
  std::size_t offset(BufferId buffer) const { return buffers_[static_cast<std::size_t>(buffer)].offset; }

 private:
  struct Use {
    int step = 0;
    Pass pass = Pass::forward;
  };
  struct Buffer {
    std::size_t bytes = 0;
    std::size_t offset = 0;
    std::vector<Use> uses;
    int first = 0, last = 0;  // times
  };
  void complete(Buffer& buffer) const;

  std::size_t alignment_;
  int step_ = 0;
  std::vector<Buffer> buffers_;
};

}  // namespace annulus::trainer
