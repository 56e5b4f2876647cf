// Kernels that only move values.
#include "trainer/backend/cuda/kernels/apply_structure.hpp"
#include "trainer/backend/cuda/kernels/execute.cuh"

namespace annulus::trainer::cuda {

void enqueue(const CopyColumnsCall& call, cudaStream_t stream) { apply(call, DeviceExecutor{stream}); }

void enqueue(const GatherRowsCall& call, cudaStream_t stream) { apply(call, DeviceExecutor{stream}); }

void enqueue(const WrapCall& call, cudaStream_t stream) { apply(call, DeviceExecutor{stream}); }

void enqueue(const UnwrapCall& call, cudaStream_t stream) { apply(call, DeviceExecutor{stream}); }

}  // namespace annulus::trainer::cuda
