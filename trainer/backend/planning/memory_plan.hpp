// Remembers when each buffer of a program is used, so that all of them can share one block of device memory.
// Plain: knows sizes and times only.
#pragma once

#include <cstddef>
#include <vector>

namespace annulus::trainer {

enum class Phase { forward, backward };

/// A piece of the block; kNoBuffer for "not wanted".
using BufferId = int;
constexpr BufferId kNoBuffer = -1;

/// Steps run forward in order, then backward in reverse. A buffer is kept from its first to its last use.
class MemoryPlan {
 public:
  /// From here on, uses belong to the next step.
  void next_step() { ++step_; }

  BufferId buffer(std::size_t bytes);
  /// The current step uses the buffer in this phase.
  void use(BufferId buffer, Phase phase);

  /// Places all buffers at multiples of 256 bytes, those that live at one time beside each other.
  /// @return bytes of the block
  std::size_t lay_out();
  /// @pre lay_out() was called
  std::size_t offset(BufferId buffer) const { return buffers_[static_cast<std::size_t>(buffer)].offset; }

 private:
  struct Use {
    int step = 0;
    Phase phase = Phase::forward;
  };
  struct Buffer {
    std::size_t bytes = 0;
    std::size_t offset = 0;
    std::vector<Use> uses;
    int first = 0, last = 0;  // times
  };
  void set_lifetime(Buffer& buffer) const;

  int step_ = 0;
  std::vector<Buffer> buffers_;
};

}  // namespace annulus::trainer
