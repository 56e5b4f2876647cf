// Kernels that treat each value, or a few neighbours, by themselves, or only move them.
#include "trainer/backend/cuda/kernels/dropout_body.hpp"
#include "trainer/backend/cuda/kernels/execute.cuh"
#include "trainer/backend/cuda/kernels/structure_body.hpp"

namespace annulus::trainer::cuda {
ANNULUS_ELEMENTWISE_KERNELS
}
