// The error of a GPU that is full. Apart from cuda.hpp, because nvcc does not compile fmt.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/error.hpp"

namespace annulus::comm {

struct DeviceMemory;

/// The GPU has less free memory than was asked for. The message has both numbers; who knows what else would
/// fit (a smaller shard, say) catches it and throws again with that advice.
class OutOfDeviceMemory : public RuntimeError {
 public:
  OutOfDeviceMemory(std::string_view purpose, std::size_t asked, std::size_t free, std::size_t total);
  /// A library, or CUDA itself, had too little for what it allocates without telling: its buffers, graphs, or
  /// the code of kernels, which is loaded when it is first needed.
  /// @param who  "cuDNN", "NCCL"   @param words  what it said
  OutOfDeviceMemory(std::string_view who, std::string_view words);
  std::size_t asked() const noexcept { return asked_; }  ///< bytes; 0 = not known
  std::size_t free() const noexcept { return free_; }    ///< bytes that were free then

 private:
  OutOfDeviceMemory(std::string_view who, std::string_view words, const DeviceMemory& memory);
  std::size_t asked_;
  std::size_t free_;
};

/// Whether the current GPU is so full that this explains why a library failed: many of them have no code that
/// says so.
bool no_device_memory() noexcept;

}  // namespace annulus::comm
