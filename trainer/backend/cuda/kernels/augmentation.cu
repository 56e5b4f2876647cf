// Augmentation and labels of a shard.
#include "trainer/backend/cuda/kernels/execute.cuh"
#include "trainer/backend/cuda/kernels/step_calls.hpp"

namespace annulus::trainer::cuda {

void enqueue(const AugmentationCall& call, cudaStream_t stream) { apply(call, DeviceExecutor{stream}); }

void enqueue(const GatherLabelsCall& call, cudaStream_t stream) { apply(call, DeviceExecutor{stream}); }

}  // namespace annulus::trainer::cuda
