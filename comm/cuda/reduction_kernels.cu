// Grids over the bodies of the reducer's kernels.
#include "comm/cuda/add_body.hpp"
#include "comm/cuda/for_each.cuh"
#include "comm/cuda/note_body.hpp"
#include "comm/cuda/pairwise_body.hpp"
#include "comm/cuda/reduction_kernels.hpp"

namespace annulus::comm {
namespace {

template <int kOperands>
bool enqueue_pairwise(float* sum, std::span<const float* const> operands, std::size_t count,
                      cudaStream_t stream) {
  PairwiseBody<kOperands> body{};
  body.sum = sum;
  for (int i = 0; i < kOperands; ++i) body.operands[i] = operands[static_cast<std::size_t>(i)];
  for_each_index(static_cast<std::int64_t>(count), body, stream);
  return true;
}

}  // namespace

void add_on_device(float* sum, const float* left, const float* right, std::size_t count,
                   cudaStream_t stream) {
  for_each_index(static_cast<std::int64_t>(count), AddBody{sum, left, right}, stream);
}

bool add_pairwise_on_device(float* sum, std::span<const float* const> operands, std::size_t count,
                            cudaStream_t stream) {
  switch (operands.size()) {
    case 2:
      return enqueue_pairwise<2>(sum, operands, count, stream);
    case 4:
      return enqueue_pairwise<4>(sum, operands, count, stream);
    case 8:
      return enqueue_pairwise<8>(sum, operands, count, stream);
    case 16:
      return enqueue_pairwise<16>(sum, operands, count, stream);
    default:
      return false;
  }
}

void note_on_device(int* place, int value, cudaStream_t stream) {
  for_each_index(1, NoteBody{place, value}, stream);
}

bool has_code_for_current_device() {
  cudaFuncAttributes attributes{};
  const cudaError_t code = cudaFuncGetAttributes(&attributes, for_each_kernel<NoteBody>);
  if (code == cudaErrorNoKernelImageForDevice || code == cudaErrorInvalidDeviceFunction ||
      code == cudaErrorUnsupportedPtxVersion) {
    cudaGetLastError();  // an answer, not a failure
    return false;
  }
  ANNULUS_CHECK_CUDA(code);
  return true;
}

}  // namespace annulus::comm
