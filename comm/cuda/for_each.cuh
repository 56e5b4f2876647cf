// The one shape of our kernels: a grid that calls a body for every index.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>

#include "comm/cuda/cuda.hpp"

namespace annulus::comm {

constexpr int kForEachThreads = 256;

template <class Body>
__global__ void for_each_kernel(std::int64_t count, Body body) {
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count;
       i += step)
    body(i);
}

/// Enqueues body(i) for i in [0, body.indices()), in no order. `Body` is a small struct passed by value with
/// `ANNULUS_DEVICE void operator()(std::int64_t) const`, defined in a plain header and tested on the host.
template <class Body>
void for_each_index(cudaStream_t stream, const Body& body) {
  const std::int64_t count = body.indices();
  if (count <= 0) return;  // a grid of no blocks is an error
  constexpr std::int64_t kMostBlocks =
      132 * 16;  // enough to fill an H200 twice over; the loop takes the rest
  const auto blocks = std::min<std::int64_t>((count + kForEachThreads - 1) / kForEachThreads, kMostBlocks);
  for_each_kernel<<<static_cast<unsigned>(blocks), kForEachThreads, 0, stream>>>(count, body);
  ANNULUS_CHECK_LAUNCH("for_each_kernel");
}

}  // namespace annulus::comm
