// The runtime: memory and copies.
#include <cstdlib>
#include <cstring>
#include <map>

#include "comm/cuda/cuda.hpp"
#include "tests/cuda_emulation/fake_cuda.hpp"
#include "tests/cuda_emulation/fake_streams.hpp"

namespace annulus::test {
namespace {
bool capturing = false;

constexpr std::size_t kPlenty = std::size_t{1} << 40;
std::size_t capacity = kPlenty;
std::map<void*, std::size_t> sizes;  // of what is allocated

}  // namespace
std::size_t free_memory() {
  const std::size_t used = used_memory();
  return used < capacity ? capacity - used : 0;
}
std::size_t used_memory() {
  std::size_t used = 0;
  for (const auto& [data, size] : sizes) used += size;
  return used;
}
PretendMemory::PretendMemory(std::size_t bytes) { capacity = bytes; }
PretendMemory::~PretendMemory() { capacity = kPlenty; }

PretendCapture::PretendCapture() { capturing = true; }
PretendCapture::~PretendCapture() { capturing = false; }
bool pretends_capture() { return capturing || any_captured(); }

HostTraffic& host_traffic() {
  static HostTraffic traffic;
  return traffic;
}
}  // namespace annulus::test

using annulus::test::pretends_capture;

extern "C" {

cudaError_t cudaMalloc(void** data, std::size_t size) {
  if (pretends_capture()) return cudaErrorStreamCaptureUnsupported;
  if (size > annulus::test::free_memory()) return cudaErrorMemoryAllocation;
  *data = std::aligned_alloc(256, (size + 255) / 256 * 256);
  annulus::test::sizes[*data] = size;
  std::memset(*data, 0xFF, size);  // NaN in float32 and bfloat16
  return cudaSuccess;
}
cudaError_t cudaFree(void* data) {
  annulus::test::sizes.erase(data);
  std::free(data);
  return cudaSuccess;
}
cudaError_t cudaMemset(void* data, int value, std::size_t size) {
  if (pretends_capture()) return cudaErrorStreamCaptureUnsupported;
  std::memset(data, value, size);
  return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void* data, int value, std::size_t size, cudaStream_t stream) {
  annulus::test::play(stream, [=] { std::memset(data, value, size); });
  return cudaSuccess;
}
cudaError_t cudaMemcpy(void* to, const void* from, std::size_t size, cudaMemcpyKind) {
  if (pretends_capture()) return cudaErrorStreamCaptureUnsupported;
  std::memcpy(to, from, size);
  return cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t size, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  const void* const host = kind == cudaMemcpyHostToDevice   ? from
                           : kind == cudaMemcpyDeviceToHost ? to
                                                            : nullptr;
  if (host != nullptr && !annulus::test::is_pinned(host)) ++annulus::test::host_traffic().pageable_copies;
  if (size > 0) annulus::test::play(stream, [=] { std::memcpy(to, from, size); });
  return cudaSuccess;
}
cudaError_t cudaDeviceSynchronize() {
  return pretends_capture() ? cudaErrorStreamCaptureUnsupported : cudaSuccess;
}
cudaError_t cudaGetLastError() { return cudaSuccess; }
cudaError_t cudaSetDevice(int) { return cudaSuccess; }
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
  *properties = {};
  std::strcpy(properties->name, "a played GPU");
  return cudaSuccess;
}
cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return cudaSuccess;
}
cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  *free = annulus::test::free_memory();
  *total = annulus::test::capacity;
  return cudaSuccess;
}

}  // extern "C"
