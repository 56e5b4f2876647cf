// Stands before cuDNN and cuBLASLt as they are played (the linker's --wrap): their calls happen when the
// stream comes to them, in a graph perhaps, with what descriptors held when they were called; and they can be
// made to fail.
#include "tests/cuda_emulation/fake_libraries.hpp"

#include <cublasLt.h>
#include <cudnn.h>

#include <cstdlib>
#include <map>
#include <utility>

#include "tests/cuda_emulation/fake_cuda.hpp"
#include "tests/cuda_emulation/fake_streams.hpp"

namespace annulus::test {
namespace {

std::map<cudnnHandle_t, cudaStream_t> streams;
int cudnn_fails = CUDNN_STATUS_SUCCESS;
int cublas_fails = CUBLAS_STATUS_SUCCESS;
std::size_t enough = 0;

bool fails() { return enough == 0 || free_memory() < enough; }

/// The call itself, unless the stream does not come to it now.
template <class Call>
auto defer(cudaStream_t stream, const Call& call) -> decltype(call()) {
  if (!captured(stream) && !hangs(stream)) return call();
  play(stream, [call] {
    if (static_cast<int>(call()) != 0) std::abort();  // was tried out when it was planned
  });
  return {};
}

/// Host pointers are read during the call.
struct Scales {
  Scales(const void* a, const void* b)
      : alpha(*static_cast<const float*>(a)), beta(*static_cast<const float*>(b)) {}
  float alpha, beta;
};

}  // namespace

PretendRefusals::PretendRefusals(int cudnn, int cublas, std::size_t below_free) {
  cudnn_fails = cudnn;
  cublas_fails = cublas;
  enough = below_free;
}
PretendRefusals::~PretendRefusals() {
  cudnn_fails = CUDNN_STATUS_SUCCESS;
  cublas_fails = CUBLAS_STATUS_SUCCESS;
}

}  // namespace annulus::test

using namespace annulus::test;

extern "C" {

// NOLINTBEGIN(bugprone-reserved-identifier): the linker's names
cudnnStatus_t __real_cudnnSetStream(cudnnHandle_t, cudaStream_t);
cudnnStatus_t __wrap_cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream) {
  streams[handle] = stream;
  return __real_cudnnSetStream(handle, stream);
}

cudnnStatus_t __real_cudnnSetConvolutionMathType(cudnnConvolutionDescriptor_t, cudnnMathType_t);
cudnnStatus_t __wrap_cudnnSetConvolutionMathType(cudnnConvolutionDescriptor_t convolution,
                                                 cudnnMathType_t math) {
  const cudnnStatus_t status = __real_cudnnSetConvolutionMathType(convolution, math);
  if (any_captured())  // the call behind it in the graph shall find it so
    play(captured_stream(), [=] { __real_cudnnSetConvolutionMathType(convolution, math); });
  return status;
}

cudnnStatus_t __real_cudnnConvolutionForward(cudnnHandle_t, const void*, cudnnTensorDescriptor_t, const void*,
                                             cudnnFilterDescriptor_t, const void*,
                                             cudnnConvolutionDescriptor_t, cudnnConvolutionFwdAlgo_t, void*,
                                             std::size_t, const void*, cudnnTensorDescriptor_t, void*);
cudnnStatus_t __wrap_cudnnConvolutionForward(cudnnHandle_t handle, const void* alpha,
                                             cudnnTensorDescriptor_t x_desc, const void* x,
                                             cudnnFilterDescriptor_t w_desc, const void* w,
                                             cudnnConvolutionDescriptor_t conv,
                                             cudnnConvolutionFwdAlgo_t algorithm, void* workspace,
                                             std::size_t bytes, const void* beta,
                                             cudnnTensorDescriptor_t y_desc, void* y) {
  if (cudnn_fails != 0 && fails()) return static_cast<cudnnStatus_t>(cudnn_fails);
  return defer(streams[handle], [=, scales = Scales(alpha, beta)] {
    return __real_cudnnConvolutionForward(handle, &scales.alpha, x_desc, x, w_desc, w, conv, algorithm,
                                          workspace, bytes, &scales.beta, y_desc, y);
  });
}

cudnnStatus_t __real_cudnnConvolutionBiasActivationForward(
    cudnnHandle_t, const void*, cudnnTensorDescriptor_t, const void*, cudnnFilterDescriptor_t, const void*,
    cudnnConvolutionDescriptor_t, cudnnConvolutionFwdAlgo_t, void*, std::size_t, const void*,
    cudnnTensorDescriptor_t, const void*, cudnnTensorDescriptor_t, const void*, cudnnActivationDescriptor_t,
    cudnnTensorDescriptor_t, void*);
cudnnStatus_t __wrap_cudnnConvolutionBiasActivationForward(
    cudnnHandle_t handle, const void* alpha, cudnnTensorDescriptor_t x_desc, const void* x,
    cudnnFilterDescriptor_t w_desc, const void* w, cudnnConvolutionDescriptor_t conv,
    cudnnConvolutionFwdAlgo_t algorithm, void* workspace, std::size_t bytes, const void* beta,
    cudnnTensorDescriptor_t z_desc, const void* z, cudnnTensorDescriptor_t bias_desc, const void* bias,
    cudnnActivationDescriptor_t activation, cudnnTensorDescriptor_t y_desc, void* y) {
  if (cudnn_fails != 0 && fails()) return static_cast<cudnnStatus_t>(cudnn_fails);
  return defer(streams[handle], [=, scales = Scales(alpha, beta)] {
    return __real_cudnnConvolutionBiasActivationForward(handle, &scales.alpha, x_desc, x, w_desc, w, conv,
                                                        algorithm, workspace, bytes, &scales.beta, z_desc, z,
                                                        bias_desc, bias, activation, y_desc, y);
  });
}

cudnnStatus_t __real_cudnnConvolutionBackwardData(cudnnHandle_t, const void*, cudnnFilterDescriptor_t,
                                                  const void*, cudnnTensorDescriptor_t, const void*,
                                                  cudnnConvolutionDescriptor_t, cudnnConvolutionBwdDataAlgo_t,
                                                  void*, std::size_t, const void*, cudnnTensorDescriptor_t,
                                                  void*);
cudnnStatus_t __wrap_cudnnConvolutionBackwardData(cudnnHandle_t handle, const void* alpha,
                                                  cudnnFilterDescriptor_t w_desc, const void* w,
                                                  cudnnTensorDescriptor_t dy_desc, const void* dy,
                                                  cudnnConvolutionDescriptor_t conv,
                                                  cudnnConvolutionBwdDataAlgo_t algorithm, void* workspace,
                                                  std::size_t bytes, const void* beta,
                                                  cudnnTensorDescriptor_t dx_desc, void* dx) {
  if (cudnn_fails != 0 && fails()) return static_cast<cudnnStatus_t>(cudnn_fails);
  return defer(streams[handle], [=, scales = Scales(alpha, beta)] {
    return __real_cudnnConvolutionBackwardData(handle, &scales.alpha, w_desc, w, dy_desc, dy, conv, algorithm,
                                               workspace, bytes, &scales.beta, dx_desc, dx);
  });
}

cudnnStatus_t __real_cudnnConvolutionBackwardFilter(cudnnHandle_t, const void*, cudnnTensorDescriptor_t,
                                                    const void*, cudnnTensorDescriptor_t, const void*,
                                                    cudnnConvolutionDescriptor_t,
                                                    cudnnConvolutionBwdFilterAlgo_t, void*, std::size_t,
                                                    const void*, cudnnFilterDescriptor_t, void*);
cudnnStatus_t __wrap_cudnnConvolutionBackwardFilter(cudnnHandle_t handle, const void* alpha,
                                                    cudnnTensorDescriptor_t x_desc, const void* x,
                                                    cudnnTensorDescriptor_t dy_desc, const void* dy,
                                                    cudnnConvolutionDescriptor_t conv,
                                                    cudnnConvolutionBwdFilterAlgo_t algorithm,
                                                    void* workspace, std::size_t bytes, const void* beta,
                                                    cudnnFilterDescriptor_t dw_desc, void* dw) {
  if (cudnn_fails != 0 && fails()) return static_cast<cudnnStatus_t>(cudnn_fails);
  return defer(streams[handle], [=, scales = Scales(alpha, beta)] {
    return __real_cudnnConvolutionBackwardFilter(handle, &scales.alpha, x_desc, x, dy_desc, dy, conv,
                                                 algorithm, workspace, bytes, &scales.beta, dw_desc, dw);
  });
}

cublasStatus_t __real_cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t, cublasLtMatmulDescAttributes_t,
                                                     const void*, std::size_t);
/// The vector of an epilogue is named before each product.
cublasStatus_t __wrap_cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t operation,
                                                     cublasLtMatmulDescAttributes_t attribute,
                                                     const void* value, std::size_t size) {
  const cublasStatus_t status = __real_cublasLtMatmulDescSetAttribute(operation, attribute, value, size);
  if (attribute != CUBLASLT_MATMUL_DESC_BIAS_POINTER || !any_captured()) return status;
  play(captured_stream(), [=, vector = *static_cast<void* const*>(value)] {
    __real_cublasLtMatmulDescSetAttribute(operation, attribute, &vector, sizeof vector);
  });
  return status;
}

cublasStatus_t __real_cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t, const void*, const void*,
                                     cublasLtMatrixLayout_t, const void*, cublasLtMatrixLayout_t, const void*,
                                     const void*, cublasLtMatrixLayout_t, void*, cublasLtMatrixLayout_t,
                                     const cublasLtMatmulAlgo_t*, void*, std::size_t, cudaStream_t);
cublasStatus_t __wrap_cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t operation,
                                     const void* alpha, const void* a, cublasLtMatrixLayout_t a_layout,
                                     const void* b, cublasLtMatrixLayout_t b_layout, const void* beta,
                                     const void* c, cublasLtMatrixLayout_t c_layout, void* d,
                                     cublasLtMatrixLayout_t d_layout, const cublasLtMatmulAlgo_t* algorithm,
                                     void* workspace, std::size_t bytes, cudaStream_t stream) {
  if (cublas_fails != 0 && fails()) return static_cast<cublasStatus_t>(cublas_fails);
  return defer(stream, [=, scales = Scales(alpha, beta), chosen = *algorithm] {
    return __real_cublasLtMatmul(handle, operation, &scales.alpha, a, a_layout, b, b_layout, &scales.beta, c,
                                 c_layout, d, d_layout, &chosen, workspace, bytes, stream);
  });
}
// NOLINTEND(bugprone-reserved-identifier)

}  // extern "C"
