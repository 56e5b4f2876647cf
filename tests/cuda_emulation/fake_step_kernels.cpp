// Kernels of a step around the model, and of the reducer, run by loops.
#include <span>

#include "comm/cuda/reduction_kernels.hpp"
#include "tests/trainer/backend/cuda/step_executor.hpp"
#include "trainer/backend/cuda/kernels/step_calls.hpp"

namespace annulus::trainer::cuda {

void enqueue(const AugmentationCall& call, cudaStream_t) { apply(call, StepExecutor{}); }
void enqueue(const GatherLabelsCall& call, cudaStream_t) { apply(call, StepExecutor{}); }
void enqueue(const UpdateCall& call, cudaStream_t) { apply(call, StepExecutor{}); }

}  // namespace annulus::trainer::cuda

namespace annulus::comm {

void add_on_device(float* sum, const float* left, const float* right, std::size_t count, cudaStream_t) {
  for (std::size_t i = 0; i < count; ++i) sum[i] = left[i] + right[i];
}

bool add_pairwise_on_device(float*, std::span<const float* const>, std::size_t, cudaStream_t) {
  return false;
}

void note_on_device(int* place, int value, cudaStream_t) { *place = value; }

bool has_code_for_current_device() { return true; }

}  // namespace annulus::comm
