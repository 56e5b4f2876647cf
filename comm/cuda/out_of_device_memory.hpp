// The error of a GPU that is full. Apart from cuda.hpp, because nvcc does not compile fmt.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/error.hpp"

namespace annulus::comm {

/// The GPU has less free memory than was asked for. The message has both numbers; who knows what else would
/// fit (a smaller shard, say) catches it and throws again with that advice.
class OutOfDeviceMemory : public RuntimeError {
 public:
  OutOfDeviceMemory(std::string_view purpose, std::size_t asked, std::size_t free, std::size_t total);
  std::size_t asked() const noexcept { return asked_; }  ///< bytes
  std::size_t free() const noexcept { return free_; }    ///< bytes that were free then

 private:
  std::size_t asked_;
  std::size_t free_;
};

}  // namespace annulus::comm
