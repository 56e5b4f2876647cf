// Kernels of the reducer, enqueued.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <span>

namespace annulus::comm {

/// sum[i] = left[i] + right[i] for i in [0, count); `sum` may be `left` or `right`.
void add_on_device(float* sum, const float* left, const float* right, std::size_t count, cudaStream_t stream);

/// PairwiseBody over 2, 4, 8 or 16 operands. @return false, and nothing is enqueued, for any other number
bool add_pairwise_on_device(float* sum, std::span<const float* const> operands, std::size_t count,
                            cudaStream_t stream);

/// *place = value, `place` in pinned host memory.
void note_on_device(int* place, int value, cudaStream_t stream);

/// Whether this program's kernels were compiled for the current device, or can be from PTX.
bool has_code_for_current_device();

}  // namespace annulus::comm
