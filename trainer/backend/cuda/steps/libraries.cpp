// Handles, checks and scratch memory.
#include "trainer/backend/cuda/steps/libraries.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/log.hpp"

namespace annulus::trainer::cuda {

void check_cudnn(cudnnStatus_t status, const char* call, const char* file, int line) {
  if (status == CUDNN_STATUS_SUCCESS) return;
  std::array<char, 512> details{};
  cudnnGetLastErrorString(details.data(), details.size());
  throw RuntimeError(
      "cuDNN failed with {} ({}) in {} at {}:{}. Run `annulus doctor` to see driver and libraries.",
      cudnnGetErrorString(status), details.data(), call, file, line);
}

void check_cublas(cublasStatus_t status, const char* call, const char* file, int line) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  throw RuntimeError(
      "cuBLASLt failed with {} in {} at {}:{}. Run `annulus doctor` to see driver and libraries.",
      cublasLtGetStatusString(status), call, file, line);
}

void log_failed_close(const char* what, int status) noexcept {
  try {
    log_warning("a handle of {} did not close (status {})", what, status);
  } catch (...) {
    std::fputs("a handle of cuDNN or cuBLASLt did not close\n", stderr);
  }
}

Libraries::Libraries(Precision precision) : precision_(precision) {
  cudnnHandle_t cudnn = nullptr;
  ANNULUS_CHECK_CUDNN(cudnnCreate(&cudnn));
  cudnn_ = CudnnHandle(cudnn);
  cublasLtHandle_t cublas = nullptr;
  ANNULUS_CHECK_CUBLAS(cublasLtCreate(&cublas));
  cublas_ = CublasHandle(cublas);
}

cudnnHandle_t Libraries::cudnn(cudaStream_t stream) const {
  ANNULUS_CHECK_CUDNN(cudnnSetStream(cudnn_.get(), stream));
  return cudnn_.get();
}

void* Libraries::scratch(std::size_t part, std::size_t bytes) {
  comm::DeviceBuffer<std::byte>& piece = scratch_.at(part);
  if (piece.size() < bytes || piece.get() == nullptr) {
    piece = {};  // first give back, then ask
    piece = comm::DeviceBuffer<std::byte>(std::max<std::size_t>(bytes, 1), "trying out kernels");
    comm::fill_zero(piece.get(), piece.size(), trial_stream_.get());
  }
  return piece.get();
}

void Libraries::free_scratch() {
  trial_stream_.synchronize();
  for (comm::DeviceBuffer<std::byte>& piece : scratch_) piece = {};
}

std::string library_versions() {
  const std::size_t cudnn = cudnnGetVersion(), cublas = cublasLtGetVersion();
  // cuDNN counts major * 10000 + minor * 100 + patch since version 9, cuBLASLt likewise.
  return fmt::format("cuDNN {}.{}.{}, cuBLASLt {}.{}.{}", cudnn / 10000, cudnn / 100 % 100, cudnn % 100,
                     cublas / 10000, cublas / 100 % 100, cublas % 100);
}

}  // namespace annulus::trainer::cuda
