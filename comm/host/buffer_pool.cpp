// Aligned allocation and the free list.
#include "comm/host/buffer_pool.hpp"

#include <algorithm>
#include <new>

namespace annulus::comm {

void AlignedDelete::operator()(float* data) const noexcept {
  ::operator delete[](data, std::align_val_t{kBufferAlignment});
}

AlignedFloats allocate_floats(std::size_t count) {
  const std::size_t bytes = std::max<std::size_t>(count, 1) * sizeof(float);
  return AlignedFloats(static_cast<float*>(::operator new[](bytes, std::align_val_t{kBufferAlignment})));
}

float* BufferPool::take() {
  const std::lock_guard lock(mutex_);
  if (free_.empty()) {
    all_.push_back(allocate_floats(elements_));
    free_.reserve(all_.size());  // so that give_back never allocates
    return all_.back().get();
  }
  float* buffer = free_.back();
  free_.pop_back();
  return buffer;
}

void BufferPool::give_back(float* buffer) {
  const std::lock_guard lock(mutex_);
  free_.push_back(buffer);
}

}  // namespace annulus::comm
