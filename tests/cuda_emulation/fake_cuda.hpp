// CUDA, cuDNN and cuBLASLt played on the host, as far as the model uses them and as their documentation
// describes them: device memory is host memory, streams run at once unless they are captured. With it the
// planning, memory, layouts and order of the model are tested where there is no GPU. What the libraries
// really do is the GPU tests' matter.
#pragma once

#include <cublasLt.h>
#include <cuda_runtime_api.h>
#include <cudnn.h>

#include <bit>
#include <cstddef>
#include <cstdint>

namespace annulus::test {

/// What a tensor core makes of a float32 factor: 11 bits, rounded to the nearest.
inline float rounded_to_tf32(float value) {
  return std::bit_cast<float>((std::bit_cast<std::uint32_t>(value) + 0x1000u) & ~0x1FFFu);
}

/// While one lives, calls that allocate or wait fail, as they do while a stream is captured.
class PretendCapture {
 public:
  PretendCapture();
  ~PretendCapture();
  PretendCapture(const PretendCapture&) = delete;
  PretendCapture& operator=(const PretendCapture&) = delete;
};
bool pretends_capture();

/// While one lives, the device has this many bytes, those in use included.
class PretendMemory {
 public:
  explicit PretendMemory(std::size_t bytes);
  ~PretendMemory();
  PretendMemory(const PretendMemory&) = delete;
  PretendMemory& operator=(const PretendMemory&) = delete;
};

/// Bytes of device memory in use, and those that are left.
std::size_t used_memory();
std::size_t free_memory();

/// What the host has done so far that holds up a stream.
struct HostTraffic {
  int waits = 0;            ///< for a stream
  int pageable_copies = 0;  ///< asynchronous copies from or to memory that is not pinned
};
HostTraffic& host_traffic();
bool is_pinned(const void* data);

/// Convolutions that cuDNN has run so far, trials included.
struct ConvolutionCalls {
  int fused = 0, forward = 0, data = 0, kernel = 0;
};
ConvolutionCalls& convolution_calls();

/// Largest power of two that divides an address, 256 at most.
inline std::uint64_t alignment_of(const void* data) {
  const auto address = reinterpret_cast<std::uintptr_t>(data) | 256;
  return address & (~address + 1);
}

}  // namespace annulus::test
