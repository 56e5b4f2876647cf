// What a step does around the model, enqueued: augmentation and update. Each is a sequence of bodies.
#pragma once

#include "trainer/backend/cuda/kernels/apply_augmentation.hpp"
#include "trainer/backend/cuda/kernels/apply_optimizer.hpp"
#include "trainer/backend/cuda/kernels/enqueue.hpp"

namespace annulus::trainer::cuda {

inline void enqueue(const AugmentationCall& call, cudaStream_t stream) { apply(call, Enqueue{stream}); }
inline void enqueue(const UpdateCall& call, cudaStream_t stream) { apply(call, Enqueue{stream}); }

}  // namespace annulus::trainer::cuda
