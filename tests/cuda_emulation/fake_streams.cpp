// Pinned memory, and events of streams that run at once: everything has always happened.
#include <cuda_runtime_api.h>

#include <cstdlib>
#include <cstring>

#include "tests/cuda_emulation/fake_cuda.hpp"

using annulus::test::pretends_capture;

extern "C" {

cudaError_t cudaMallocHost(void** data, std::size_t size) {
  if (pretends_capture()) return cudaErrorStreamCaptureUnsupported;
  *data = std::aligned_alloc(256, (size + 255) / 256 * 256);
  std::memset(*data, 0xFF, size);
  return cudaSuccess;
}
cudaError_t cudaFreeHost(void* data) {
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
