// Equal float buffers that are allocated when first needed and used again. Private to comm.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

namespace annulus::comm {

/// Float storage aligned for the widest vector loads.
constexpr std::size_t kBufferAlignment = 64;

struct AlignedDelete {
  void operator()(float* data) const noexcept;
};
using AlignedFloats = std::unique_ptr<float[], AlignedDelete>;

/// `count` floats, aligned to kBufferAlignment, contents undefined.
AlignedFloats allocate_floats(std::size_t count);

/// Thread-safe. The buffer returned last is given out first: it is the one still in the cache.
class BufferPool {
 public:
  explicit BufferPool(std::size_t elements) : elements_(elements) {}
  float* take();
  void give_back(float* buffer);

 private:
  std::size_t elements_;
  std::mutex mutex_;
  std::vector<AlignedFloats> all_;
  std::vector<float*> free_;
};

}  // namespace annulus::comm
