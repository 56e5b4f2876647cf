// cuDNN and cuBLASLt behind owners and one check each.
#pragma once

#include <cublasLt.h>
#include <cudnn.h>

#include <array>
#include <string>

#include "base/unique_handle.hpp"
#include "comm/cuda/cuda.hpp"
#include "trainer/backend/cuda/kernels/element.hpp"
#include "trainer/model/precision.hpp"

namespace annulus::trainer::cuda {

/// @throws RuntimeError with the call, its place, and the library's own words; OutOfDeviceMemory where the
/// status, or a GPU that is full, says that memory was what was missing
void check_cudnn(cudnnStatus_t status, const char* call, const char* file, int line);
void check_cublas(cublasStatus_t status, const char* call, const char* file, int line);

/// Whether a trial went well. An algorithm that fails is passed over, but not for want of memory: that says
/// nothing about it, and a smaller shard may have room for it. @throws OutOfDeviceMemory then
bool went_well(cudnnStatus_t status);
bool went_well(cublasStatus_t status);

/// Says what closing failed of; for destructors.
void log_failed_close(const char* what, int status) noexcept;

/// Owner of what `Destroy` ends.
template <class Handle, auto Destroy>
struct LibraryTraits {
  using type = Handle;
  static inline const type null = nullptr;
  static void close(type handle) noexcept {
    const auto status = Destroy(handle);
    if (static_cast<int>(status) != 0) log_failed_close("cuDNN or cuBLASLt", static_cast<int>(status));
  }
};
using CudnnHandle = UniqueHandle<LibraryTraits<cudnnHandle_t, cudnnDestroy>>;
using CublasHandle = UniqueHandle<LibraryTraits<cublasLtHandle_t, cublasLtDestroy>>;
using TensorHandle = UniqueHandle<LibraryTraits<cudnnTensorDescriptor_t, cudnnDestroyTensorDescriptor>>;
using FilterHandle = UniqueHandle<LibraryTraits<cudnnFilterDescriptor_t, cudnnDestroyFilterDescriptor>>;
using ConvolutionHandle =
    UniqueHandle<LibraryTraits<cudnnConvolutionDescriptor_t, cudnnDestroyConvolutionDescriptor>>;
using ActivationHandle =
    UniqueHandle<LibraryTraits<cudnnActivationDescriptor_t, cudnnDestroyActivationDescriptor>>;
using MatmulHandle = UniqueHandle<LibraryTraits<cublasLtMatmulDesc_t, cublasLtMatmulDescDestroy>>;
using MatrixHandle = UniqueHandle<LibraryTraits<cublasLtMatrixLayout_t, cublasLtMatrixLayoutDestroy>>;
using PreferenceHandle =
    UniqueHandle<LibraryTraits<cublasLtMatmulPreference_t, cublasLtMatmulPreferenceDestroy>>;

/// The libraries of one device and how exactly they compute; what is compiled with it must not outlive it.
class Libraries {
 public:
  explicit Libraries(Precision precision);

  /// The handle, its work going to `stream`.
  cudnnHandle_t cudnn(cudaStream_t stream) const;
  cublasLtHandle_t cublas() const { return cublas_.get(); }
  Precision precision() const { return precision_; }
  /// What activations are stored as.
  Element element() const { return precision_ == Precision::bfloat16 ? Element::bfloat16 : Element::float32; }

  /// Zeros of at least this many bytes, for trying kernels out while programs are compiled: one piece a part,
  /// all given back by free_scratch(). A part's address changes when it grows.
  void* scratch(std::size_t part, std::size_t bytes);
  void free_scratch();
  /// Runs on no captured stream.
  const comm::Stream& trial_stream() const { return trial_stream_; }

 private:
  Precision precision_;
  CudnnHandle cudnn_;
  CublasHandle cublas_;
  comm::Stream trial_stream_;
  std::array<comm::DeviceBuffer<std::byte>, 5> scratch_;
};

constexpr cudnnDataType_t cudnn_type(Element element) {
  return element == Element::float32 ? CUDNN_DATA_FLOAT : CUDNN_DATA_BFLOAT16;
}
constexpr cudaDataType_t cuda_type(Element element) {
  return element == Element::float32 ? CUDA_R_32F : CUDA_R_16BF;
}

/// "cuDNN 9.19.0, cuBLASLt 13.1.0".
std::string library_versions();

}  // namespace annulus::trainer::cuda

#define ANNULUS_CHECK_CUDNN(call) ::annulus::trainer::cuda::check_cudnn((call), #call, __FILE__, __LINE__)
#define ANNULUS_CHECK_CUBLAS(call) ::annulus::trainer::cuda::check_cublas((call), #call, __FILE__, __LINE__)
