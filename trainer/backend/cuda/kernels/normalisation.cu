// Bias gradients, batch norm, local response norm, group norm.
#include "trainer/backend/cuda/kernels/column_kernels.cuh"
#include "trainer/backend/cuda/kernels/group_norm_body.hpp"
#include "trainer/backend/cuda/kernels/normalisation_body.hpp"

namespace annulus::trainer::cuda {
ANNULUS_NORMALISATION_KERNELS
}
