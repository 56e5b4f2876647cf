// Pooling, and the plain convolutions.
#include "trainer/backend/cuda/kernels/convolution_body.hpp"
#include "trainer/backend/cuda/kernels/execute.cuh"
#include "trainer/backend/cuda/kernels/pool_body.hpp"

namespace annulus::trainer::cuda {
ANNULUS_POOL_KERNELS
}
