// Kernels that treat each value, or a few neighbours, by themselves.
#include "trainer/backend/cuda/kernels/apply_elementwise.hpp"
#include "trainer/backend/cuda/kernels/execute.cuh"

namespace annulus::trainer::cuda {

void enqueue(const ActivationCall& call, cudaStream_t stream) { apply(call, DeviceExecutor{stream}); }

void enqueue(const DerivativeCall& call, cudaStream_t stream) { apply(call, DeviceExecutor{stream}); }

void enqueue(const BiasActivationCall& call, cudaStream_t stream) { apply(call, DeviceExecutor{stream}); }

void enqueue(const SumCall& call, cudaStream_t stream) { apply(call, DeviceExecutor{stream}); }

void enqueue(const ConvertCall& call, cudaStream_t stream) { apply(call, DeviceExecutor{stream}); }

void enqueue(const PadCall& call, cudaStream_t stream) { apply(call, DeviceExecutor{stream}); }

void enqueue(const CropCall& call, cudaStream_t stream) { apply(call, DeviceExecutor{stream}); }

void enqueue(const ZeroCall& call, cudaStream_t stream) { apply(call, DeviceExecutor{stream}); }

void enqueue(const DropoutCall& call, cudaStream_t stream) { apply(call, DeviceExecutor{stream}); }

}  // namespace annulus::trainer::cuda
