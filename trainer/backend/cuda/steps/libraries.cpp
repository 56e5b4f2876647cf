// Handles, checks and scratch memory.
#include "trainer/backend/cuda/steps/libraries.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/log.hpp"
#include "comm/cuda/out_of_device_memory.hpp"

namespace annulus::trainer::cuda {
namespace {

/// Codes that a library also has for a GPU that is full: a handle is made, code of a kernel is loaded.
bool may_be_memory(cudnnStatus_t status) {
  const int kind = CUDNN_STATUS_CATEGORY(status);
  return status == CUDNN_STATUS_NOT_INITIALIZED || kind == CUDNN_STATUS_INTERNAL_ERROR ||
         kind == CUDNN_STATUS_EXECUTION_FAILED;
}
bool may_be_memory(cublasStatus_t status) {
  return status == CUBLAS_STATUS_NOT_INITIALIZED || status == CUBLAS_STATUS_INTERNAL_ERROR ||
         status == CUBLAS_STATUS_EXECUTION_FAILED;
}

/// CUDNN_STATUS_ALLOC_FAILED, by its name of old, is memory of the host.
bool is_want_of_memory(cudnnStatus_t status) {
  return status == CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED ||
         (status != CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED && may_be_memory(status) &&
          comm::no_device_memory());
}
bool is_want_of_memory(cublasStatus_t status) {
  return status == CUBLAS_STATUS_ALLOC_FAILED || (may_be_memory(status) && comm::no_device_memory());
}

comm::OutOfDeviceMemory want_of_memory(cudnnStatus_t status) {
  return {"cuDNN", cudnnGetErrorString(status)};
}
comm::OutOfDeviceMemory want_of_memory(cublasStatus_t status) {
  return {"cuBLASLt", cublasLtGetStatusString(status)};
}

}  // namespace

bool went_well(cudnnStatus_t status) {
  if (is_want_of_memory(status)) throw want_of_memory(status);
  return status == CUDNN_STATUS_SUCCESS;
}

bool went_well(cublasStatus_t status) {
  if (is_want_of_memory(status)) throw want_of_memory(status);
  return status == CUBLAS_STATUS_SUCCESS;
}

void check_cudnn(cudnnStatus_t status, const char* call, const char* file, int line) {
  if (went_well(status)) return;
  std::array<char, 512> details{};
  cudnnGetLastErrorString(details.data(), details.size());
  throw RuntimeError(
      "cuDNN failed with {} ({}) in {} at {}:{}. Run `annulus doctor` to see driver and libraries.",
      cudnnGetErrorString(status), details.data(), call, file, line);
}

void check_cublas(cublasStatus_t status, const char* call, const char* file, int line) {
  if (went_well(status)) return;
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
