// Loss, probabilities, and the search for NaN and Inf.
#include <limits>

#include "trainer/backend/cuda/kernels/execute.cuh"
#include "trainer/backend/cuda/kernels/loss_body.hpp"

namespace annulus::trainer::cuda {
namespace {

constexpr int kWarp = 32;
constexpr int kSumThreads = kLossLanes;
constexpr std::int32_t kFewClasses = 64;  // up to here one thread takes a sample
constexpr unsigned kAll = 0xFFFFFFFFu;

/// The 32 threads of a warp; sums go by butterflies, which give every member the same bits.
struct WarpTeam {
  __device__ static int rank() { return static_cast<int>(threadIdx.x) % kWarp; }
  __device__ static int size() { return kWarp; }
  __device__ static float sum(float value) {
    for (int step = kWarp / 2; step > 0; step /= 2) value += __shfl_xor_sync(kAll, value, step);
    return value;
  }
  __device__ static float largest(float value) {
    for (int step = kWarp / 2; step > 0; step /= 2) value = fmaxf(value, __shfl_xor_sync(kAll, value, step));
    return value;
  }
  __device__ static std::int32_t smallest(std::int32_t value) {
    for (int step = kWarp / 2; step > 0; step /= 2) value = min(value, __shfl_xor_sync(kAll, value, step));
    return value;
  }
};

/// A thread takes a sample.
template <class L, class T>
__global__ void loss_samples_kernel(LossBody<L, T> body) {
  const std::int64_t sample = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (sample < body.samples) body.note(sample, body(SoloTeam{}, sample));
}

/// A warp takes a sample. @pre blocks of whole warps
template <class L, class T>
__global__ void loss_rows_kernel(LossBody<L, T> body) {
  const std::int64_t sample = (static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) / kWarp;
  if (sample >= body.samples) return;  // for the whole warp alike
  const SampleLoss result = body(WarpTeam{}, sample);
  if (WarpTeam::rank() == 0) body.note(sample, result);
}

/// One block sums what the blocks before have noted, its threads in a tree.
template <class L, class T>
__global__ void __launch_bounds__(kSumThreads) sum_losses_kernel(LossBody<L, T> body) {
  __shared__ double losses[kSumThreads], hits[kSumThreads], tops[kSumThreads];
  const int thread = static_cast<int>(threadIdx.x);
  const LossSums mine = body.lane(thread);
  losses[thread] = mine.loss;
  hits[thread] = mine.correct;
  tops[thread] = mine.top;
  for (int half = kSumThreads / 2; half > 0; half /= 2) {
    __syncthreads();
    if (thread >= half) continue;
    losses[thread] += losses[thread + half];
    hits[thread] += hits[thread + half];
    tops[thread] += tops[thread + half];
  }
  if (thread == 0) body.finish({losses[0], hits[0], tops[0]});
}

template <class L>
__global__ void softmax_kernel(SoftmaxBody<L> body) {
  const std::int64_t sample = (static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) / kWarp;
  if (sample < body.samples) body(WarpTeam{}, sample);
}

template <class T>
__global__ void __launch_bounds__(kSumThreads) find_bad_kernel(FindBadBody<T> body) {
  __shared__ std::int64_t first[kSumThreads];
  const int thread = static_cast<int>(threadIdx.x);
  first[thread] = body.elements;
  for (std::int64_t i = thread; i < body.elements; i += kSumThreads) {
    if (isfinite(to_float(body.values[i]))) continue;
    first[thread] = i;
    break;
  }
  for (int half = kSumThreads / 2; half > 0; half /= 2) {
    __syncthreads();
    if (thread < half && first[thread + half] < first[thread]) first[thread] = first[thread + half];
  }
  if (thread == 0) *body.found = first[0] == body.elements ? -1 : first[0];
}

constexpr int kRowThreads = 256, kSampleThreads = 64;
unsigned row_blocks(std::int64_t samples) {
  return static_cast<unsigned>((samples * kWarp + kRowThreads - 1) / kRowThreads);
}

}  // namespace

/// One thread a sample where classes are few, else a warp; many small blocks, so that all of the GPU takes
/// part.
template <class L, class T>
void spread(cudaStream_t stream, const LossBody<L, T>& body) {
  if (body.samples > 0 && body.classes <= kFewClasses) {
    const auto blocks = static_cast<unsigned>((body.samples + kSampleThreads - 1) / kSampleThreads);
    loss_samples_kernel<<<blocks, kSampleThreads, 0, stream>>>(body);
    ANNULUS_CHECK_LAUNCH("loss_samples_kernel");
  } else if (body.samples > 0) {  // a grid of no blocks is an error
    loss_rows_kernel<<<row_blocks(body.samples), kRowThreads, 0, stream>>>(body);
    ANNULUS_CHECK_LAUNCH("loss_rows_kernel");
  }
  sum_losses_kernel<<<1, kSumThreads, 0, stream>>>(body);
  ANNULUS_CHECK_LAUNCH("sum_losses_kernel");
}

template <class L>
void spread(cudaStream_t stream, const SoftmaxBody<L>& body) {
  softmax_kernel<<<row_blocks(body.samples), kRowThreads, 0, stream>>>(body);
  ANNULUS_CHECK_LAUNCH("softmax_kernel");
}

template <class T>
void spread(cudaStream_t stream, const FindBadBody<T>& body) {
  find_bad_kernel<<<1, kSumThreads, 0, stream>>>(body);
  ANNULUS_CHECK_LAUNCH("find_bad_kernel");
}

ANNULUS_LOSS_KERNELS

}  // namespace annulus::trainer::cuda
