// Pinned memory, and events of streams that run at once: everything has always happened.
#include <cuda_runtime_api.h>

#include <cstdlib>
#include <cstring>
#include <iterator>
#include <map>

#include "tests/cuda_emulation/fake_cuda.hpp"

using annulus::test::pretends_capture;

namespace annulus::test {
namespace {
std::map<const std::byte*, std::size_t> pinned;  // sizes of what is allocated
}
bool is_pinned(const void* data) {
  const auto* const at = static_cast<const std::byte*>(data);
  const auto next = pinned.upper_bound(at);
  if (next == pinned.begin()) return false;
  const auto& [begin, size] = *std::prev(next);
  return at < begin + size;
}
}  // namespace annulus::test

extern "C" {

cudaError_t cudaMallocHost(void** data, std::size_t size) {
  if (pretends_capture()) return cudaErrorStreamCaptureUnsupported;
  *data = std::aligned_alloc(256, (size + 255) / 256 * 256);
  std::memset(*data, 0xFF, size);
  annulus::test::pinned[static_cast<std::byte*>(*data)] = size;
  return cudaSuccess;
}
cudaError_t cudaFreeHost(void* data) {
  annulus::test::pinned.erase(static_cast<std::byte*>(data));
  std::free(data);
  return cudaSuccess;
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = reinterpret_cast<cudaEvent_t>(std::malloc(1));
  return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  std::free(event);
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t, cudaStream_t) { return cudaSuccess; }
cudaError_t cudaEventQuery(cudaEvent_t) { return cudaSuccess; }
cudaError_t cudaEventSynchronize(cudaEvent_t) { return cudaSuccess; }
cudaError_t cudaStreamWaitEvent(cudaStream_t, cudaEvent_t, unsigned) { return cudaSuccess; }
cudaError_t cudaStreamQuery(cudaStream_t) { return cudaSuccess; }

}  // extern "C"
