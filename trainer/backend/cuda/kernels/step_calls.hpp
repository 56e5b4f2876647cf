// What a step does around the model, enqueued: augmentation, labels, update.
#pragma once

#include <cuda_runtime_api.h>

#include "trainer/backend/cuda/kernels/apply_augmentation.hpp"
#include "trainer/backend/cuda/kernels/apply_optimizer.hpp"

namespace annulus::trainer::cuda {

/// All only enqueue, allocate nothing and may be captured. @throws RuntimeError when a launch fails
void enqueue(const AugmentationCall& call, cudaStream_t stream);
void enqueue(const GatherLabelsCall& call, cudaStream_t stream);
void enqueue(const UpdateCall& call, cudaStream_t stream);

}  // namespace annulus::trainer::cuda
