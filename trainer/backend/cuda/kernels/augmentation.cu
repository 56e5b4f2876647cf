// Augmentation and labels of a shard.
#include "trainer/backend/cuda/kernels/augmentation_body.hpp"
#include "trainer/backend/cuda/kernels/execute.cuh"

namespace annulus::trainer::cuda {
ANNULUS_AUGMENTATION_KERNELS
}
