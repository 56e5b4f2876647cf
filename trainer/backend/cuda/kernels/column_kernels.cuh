// Column sums on the GPU.
#pragma once

#include "trainer/backend/cuda/kernels/column_sums.hpp"
#include "trainer/backend/cuda/kernels/execute.cuh"

namespace annulus::trainer::cuda {

constexpr int kFinishLanes = 16, kFinishLines = 32;

/// Adds the lines of a block in a tree; line 0 ends with the sum. values: (lines, width) in shared memory.
/// @pre lines is a power of two; all threads of the block call
__device__ void add_lines(float* values, int line, int lines, int width, int first, int count) {
  for (int half = lines / 2; half > 0; half /= 2) {
    __syncthreads();
    if (line >= half) continue;
    for (int k = first; k < first + count; ++k) values[line * width + k] += values[(line + half) * width + k];
  }
}

template <class Body>
__global__ void __launch_bounds__(kColumnThreads) sum_rows_kernel(Body body) {
  constexpr int kCount = Body::kCount, kPack = Body::kPack;
  const ColumnPlan& plan = body.plan;
  __shared__ float shared[kCount * kPack * kColumnThreads];
  const int lane = static_cast<int>(threadIdx.x) % plan.lanes;
  const int line = static_cast<int>(threadIdx.x) / plan.lanes;
  const int chunk = static_cast<int>(blockIdx.y);
  const int column = (static_cast<int>(blockIdx.x) * plan.lanes + lane) * kPack;
  float sums[kCount][kPack] = {};
  sum_rows(plan, body, chunk, line, column, sums);
  const int width = plan.lanes * kCount * kPack, first = lane * kCount * kPack;
  for (int q = 0; q < kCount; ++q)
    for (int k = 0; k < kPack; ++k) shared[line * width + first + q * kPack + k] = sums[q][k];
  add_lines(shared, line, plan.lines(), width, first, kCount * kPack);
  if (line != 0 || column >= plan.columns) return;
  for (int k = 0; k < kPack; ++k) {
    float total[kCount];
    for (int q = 0; q < kCount; ++q) total[q] = shared[first + q * kPack + k];
    if (plan.chunks == 1) {
      body.finish(column + k, total);
      continue;
    }
    for (int q = 0; q < kCount; ++q)
      body.partials[(static_cast<std::int64_t>(q) * plan.chunks + chunk) * plan.columns + column + k] =
          total[q];
  }
}

template <class Body>
__global__ void sum_chunks_kernel(Body body) {
  constexpr int kCount = Body::kCount;
  const ColumnPlan& plan = body.plan;
  __shared__ float shared[kCount * kFinishLanes * kFinishLines];
  const int lane = static_cast<int>(threadIdx.x) % kFinishLanes;
  const int line = static_cast<int>(threadIdx.x) / kFinishLanes;
  const int column = static_cast<int>(blockIdx.x) * kFinishLanes + lane;
  const int width = kFinishLanes * kCount, first = lane * kCount;
  for (int q = 0; q < kCount; ++q)
    shared[line * width + first + q] =
        column < plan.columns ? sum_chunks(plan, body.partials, q, line, kFinishLines, column) : 0.0f;
  add_lines(shared, line, kFinishLines, width, first, kCount);
  if (line != 0 || column >= plan.columns) return;
  float total[kCount];
  for (int q = 0; q < kCount; ++q) total[q] = shared[first + q];
  body.finish(column, total);
}

template <class Body>
requires requires { Body::kCount; }
void spread(cudaStream_t stream, const Body& body) {
  const ColumnPlan& plan = body.plan;
  const dim3 blocks(static_cast<unsigned>(plan.tiles), static_cast<unsigned>(plan.chunks));
  sum_rows_kernel<<<blocks, kColumnThreads, 0, stream>>>(body);
  ANNULUS_CHECK_LAUNCH("sum_rows_kernel");
  if (plan.chunks == 1) return;
  const auto tiles = static_cast<unsigned>((plan.columns + kFinishLanes - 1) / kFinishLanes);
  sum_chunks_kernel<<<tiles, kFinishLanes * kFinishLines, 0, stream>>>(body);
  ANNULUS_CHECK_LAUNCH("sum_chunks_kernel");
}

}  // namespace annulus::trainer::cuda
