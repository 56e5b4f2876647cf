// Grids over the bodies of the reducer's kernels.
#include "comm/cuda/reduction_kernels.hpp"

#include "comm/cuda/for_each.cuh"

namespace annulus::comm {

template <class Body>
void enqueue(cudaStream_t stream, const Body& body) {
  for_each_index(stream, body);
}

ANNULUS_REDUCTION_KERNELS

bool has_code_for_current_device() {
  cudaFuncAttributes attributes{};
  const cudaError_t code = cudaFuncGetAttributes(&attributes, for_each_kernel<NoteBody>);
  if (code == cudaErrorNoKernelImageForDevice || code == cudaErrorInvalidDeviceFunction ||
      code == cudaErrorUnsupportedPtxVersion) {
    cudaGetLastError();  // an answer, not a failure
    return false;
  }
  ANNULUS_CHECK_CUDA(code);
  return true;
}

}  // namespace annulus::comm
