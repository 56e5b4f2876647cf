// Bias gradients, batch norm, local response norm.
#include "trainer/backend/cuda/kernels/apply_normalisation.hpp"
#include "trainer/backend/cuda/kernels/column_kernels.cuh"

namespace annulus::trainer::cuda {

void enqueue(const BiasGradientCall& call, cudaStream_t stream) { apply(call, ColumnExecutor{stream}); }

void enqueue(const StatisticsCall& call, cudaStream_t stream) { apply(call, ColumnExecutor{stream}); }

void enqueue(const MovingStatisticsCall& call, cudaStream_t stream) { apply(call, ColumnExecutor{stream}); }

void enqueue(const BatchNormForwardCall& call, cudaStream_t stream) { apply(call, ColumnExecutor{stream}); }

void enqueue(const BatchNormGradientCall& call, cudaStream_t stream) { apply(call, ColumnExecutor{stream}); }

void enqueue(const BatchNormBackwardCall& call, cudaStream_t stream) { apply(call, ColumnExecutor{stream}); }

void enqueue(const ResponseNormForwardCall& call, cudaStream_t stream) {
  apply(call, ColumnExecutor{stream});
}

void enqueue(const ResponseNormBackwardCall& call, cudaStream_t stream) {
  apply(call, ColumnExecutor{stream});
}

}  // namespace annulus::trainer::cuda
