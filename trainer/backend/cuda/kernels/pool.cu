// Pooling, and the plain convolutions.
#include "trainer/backend/cuda/kernels/apply_pool.hpp"
#include "trainer/backend/cuda/kernels/execute.cuh"

namespace annulus::trainer::cuda {

void enqueue(const MaxPoolForwardCall& call, cudaStream_t stream) { apply(call, DeviceExecutor{stream}); }

void enqueue(const MaxPoolBackwardCall& call, cudaStream_t stream) { apply(call, DeviceExecutor{stream}); }

void enqueue(const AveragePoolForwardCall& call, cudaStream_t stream) { apply(call, DeviceExecutor{stream}); }

void enqueue(const AveragePoolBackwardCall& call, cudaStream_t stream) {
  apply(call, DeviceExecutor{stream});
}

void enqueue(const ConvolutionForwardCall& call, cudaStream_t stream) { apply(call, DeviceExecutor{stream}); }

void enqueue(const ConvolutionDataCall& call, cudaStream_t stream) { apply(call, DeviceExecutor{stream}); }

void enqueue(const ConvolutionKernelCall& call, cudaStream_t stream) { apply(call, DeviceExecutor{stream}); }

}  // namespace annulus::trainer::cuda
