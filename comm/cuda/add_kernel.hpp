// Enqueues the reducer's addition.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>

namespace annulus::comm {

/// Enqueues sum[i] = left[i] + right[i] for i in [0, count); `sum` may be `left` or `right`.
void add_on_device(float* sum, const float* left, const float* right, std::size_t count, cudaStream_t stream);

}  // namespace annulus::comm
