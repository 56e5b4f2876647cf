// The update: one block a piece.
#include "trainer/backend/cuda/kernels/execute.cuh"
#include "trainer/backend/cuda/kernels/step_calls.hpp"

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

template <class Body>
__global__ void __launch_bounds__(kPieceLanes) update_kernel(Body body) {
  body.lane(blockIdx.x, static_cast<int>(threadIdx.x));
}

struct PieceExecutor : DeviceExecutor {
  template <class Body>
  void for_pieces(std::int64_t count, const Body& body) const {
    if (count == 0) return;  // a grid of no blocks is an error
    pieces_kernel<<<static_cast<unsigned>(count), kPieceLanes, 0, stream>>>(body);
    ANNULUS_CHECK_LAUNCH("pieces_kernel");
  }
  template <class Body>
  void update_pieces(std::int64_t count, const Body& body) const {
    if (count == 0) return;
    update_kernel<<<static_cast<unsigned>(count), kPieceLanes, 0, stream>>>(body);
    ANNULUS_CHECK_LAUNCH("update_kernel");
  }
};

}  // namespace

void enqueue(const UpdateCall& call, cudaStream_t stream) { apply(call, PieceExecutor{{stream}}); }

}  // namespace annulus::trainer::cuda
