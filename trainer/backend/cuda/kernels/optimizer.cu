// The update: one block a piece.
#include "trainer/backend/cuda/kernels/apply_optimizer.hpp"
#include "trainer/backend/cuda/kernels/execute.cuh"

namespace annulus::trainer::cuda {
namespace {

/// The lanes' sums are added in halves: lane l and lane l + 128, then l + 64, and so on.
template <class Body>
__global__ void __launch_bounds__(kPieceLanes) pieces_kernel(Body body) {
  __shared__ double sums[kPieceLanes];
  const int lane = static_cast<int>(threadIdx.x);
  const std::int64_t piece = blockIdx.x;
  sums[lane] = body.lane(piece, lane);
  for (int half = kPieceLanes / 2; half > 0; half /= 2) {
    __syncthreads();
    if (lane < half) sums[lane] += sums[lane + half];
  }
  if (lane == 0) body.finish(piece, sums[0]);  // its own last sum
}

/// The same with a thread for four lanes.
template <class Body>
__global__ void __launch_bounds__(kPieceLanes / 4) four_lanes_kernel(Body body) {
  __shared__ double sums[kPieceLanes];
  constexpr int kThreads = kPieceLanes / 4;
  const int thread = static_cast<int>(threadIdx.x);
  const std::int64_t piece = blockIdx.x;
  double mine[4];
  body.four_lanes(piece, 4 * thread, mine);
  for (int k = 0; k < 4; ++k) sums[4 * thread + k] = mine[k];
  for (int half = kPieceLanes / 2; half > 0; half /= 2) {
    __syncthreads();
    for (int lane = thread; lane < half; lane += kThreads) sums[lane] += sums[lane + half];
  }
  if (thread == 0) body.finish(piece, sums[0]);  // its own last sum
}

template <class Body>
__global__ void __launch_bounds__(kPieceLanes) update_kernel(Body body) {
  body.lane(blockIdx.x, static_cast<int>(threadIdx.x));
}

}  // namespace

template <class Body>
void spread(cudaStream_t stream, const OverPieces<Body>& over) {
  if (over.count == 0) return;  // a grid of no blocks is an error
  const auto blocks = static_cast<unsigned>(over.count);
  if constexpr (has_four_lanes<Body>) {
    four_lanes_kernel<<<blocks, kPieceLanes / 4, 0, stream>>>(over.body);
    ANNULUS_CHECK_LAUNCH("four_lanes_kernel");
  } else if constexpr (requires { over.body.finish(0, 0.0); }) {
    pieces_kernel<<<blocks, kPieceLanes, 0, stream>>>(over.body);
    ANNULUS_CHECK_LAUNCH("pieces_kernel");
  } else {
    update_kernel<<<blocks, kPieceLanes, 0, stream>>>(over.body);
    ANNULUS_CHECK_LAUNCH("update_kernel");
  }
}

ANNULUS_OPTIMIZER_KERNELS

}  // namespace annulus::trainer::cuda
