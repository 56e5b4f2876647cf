// cuDNN's convolutions. Only what the model may rely on works: NHWC without gaps, and each shape has its own
// set of algorithms, so that every way of choosing one is taken by some test.
#include <cmath>
#include <cstring>
#include <vector>

#include "tests/cuda_emulation/fake_cuda.hpp"
#include "tests/trainer/backend/cuda/host_executor.hpp"
#include "trainer/backend/cuda/kernels/activation_body.hpp"
#include "trainer/backend/cuda/kernels/convolution_body.hpp"
#include "trainer/backend/cuda/kernels/instances.hpp"

using namespace annulus::trainer::cuda;

struct cudnnContext {};
struct cudnnTensorStruct {
  cudnnDataType_t type;
  int n, c, h, w;
};
struct cudnnFilterStruct {
  cudnnDataType_t type;
  int k, c, h, w;
};
struct cudnnConvolutionStruct {
  int pad_y, pad_x, stride_y, stride_x, dilation_y, dilation_x;
  int groups = 1;
  cudnnMathType_t math = CUDNN_DEFAULT_MATH;
};
struct cudnnActivationStruct {
  cudnnActivationMode_t mode;
  cudnnNanPropagation_t nan;
};

namespace annulus::test {
ConvolutionCalls& convolution_calls() {
  static ConvolutionCalls calls;
  return calls;
}
}  // namespace annulus::test
using annulus::test::convolution_calls;

namespace {

Element element_of(cudnnDataType_t type) {
  return type == CUDNN_DATA_FLOAT ? Element::float32 : Element::bfloat16;
}

ConvolutionShape shape_of(cudnnTensorDescriptor_t x, cudnnFilterDescriptor_t filter,
                          cudnnConvolutionDescriptor_t conv, cudnnTensorDescriptor_t y) {
  return {x->n,
          x->h,
          x->w,
          x->c,
          y->h,
          y->w,
          y->c,
          filter->h,
          filter->w,
          conv->stride_y,
          conv->stride_x,
          conv->dilation_y,
          conv->dilation_x,
          conv->pad_y,
          conv->pad_x,
          conv->groups};
}

/// The output extent that cuDNN wants for its symmetric padding.
bool fits(const ConvolutionShape& s) {
  const auto positions = [](int in, int pad, int kernel, int dilation, int stride) {
    return (in + 2 * pad - (dilation * (kernel - 1) + 1)) / stride + 1;
  };
  return positions(s.height, s.top, s.kernel_y, s.dilation_y, s.stride_y) == s.out_height &&
         positions(s.width, s.left, s.kernel_x, s.dilation_x, s.stride_x) == s.out_width;
}

cudnnStatus_t usable(const ConvolutionShape& s, cudnnTensorDescriptor_t x, cudnnFilterDescriptor_t filter) {
  if (!fits(s) || filter->c * s.groups != x->c || filter->k != s.filters || filter->type != x->type)
    return CUDNN_STATUS_BAD_PARAM;
  return CUDNN_STATUS_SUCCESS;
}

std::vector<float> widened(Element element, const void* values, std::int64_t count) {
  std::vector<float> wide(static_cast<std::size_t>(count));
  with_instance(elements_of(element), [&]<class T>(Instance<T>) {
    run_on_host(ConvertBody<T, float>{.from = as<T>(values), .to = wide.data(), .elements = count});
  });
  return wide;
}

void narrow(const std::vector<float>& wide, Element element, void* values) {
  with_instance(elements_of(element), [&]<class T>(Instance<T>) {
    run_on_host(ConvertBody<float, T>{
        .from = wide.data(), .to = as<T>(values), .elements = static_cast<std::int64_t>(wide.size())});
  });
}

void convolve(Element element, const ConvolutionShape& shape, const void* x, const void* kernel, void* y) {
  with_instance(elements_of(element), [&]<class T>(Instance<T>) {
    run_on_host(
        ConvolutionForwardBody<T>{.x = as<T>(x), .kernel = as<T>(kernel), .y = as<T>(y), .shape = shape});
  });
}

void find_dx(Element element, const ConvolutionShape& shape, const void* dy, const void* kernel, void* dx) {
  with_instance(elements_of(element), [&]<class T>(Instance<T>) {
    run_on_host(
        ConvolutionDataBody<T>{.dy = as<T>(dy), .kernel = as<T>(kernel), .dx = as<T>(dx), .shape = shape});
  });
}

void find_dkernel(Element element, const ConvolutionShape& shape, const void* x, const void* dy,
                  void* dkernel) {
  with_instance(elements_of(element), [&]<class T>(Instance<T>) {
    run_on_host(
        ConvolutionKernelBody<T>{.x = as<T>(x), .dy = as<T>(dy), .dkernel = as<T>(dkernel), .shape = shape});
  });
}

void add_bias(std::vector<float>& y, const std::vector<float>& bias, annulus::trainer::Activation kind) {
  run_on_host(BiasActivationBody<float, 1>{.y = y.data(),
                                           .bias = bias.data(),
                                           .elements = static_cast<std::int64_t>(y.size()),
                                           .channels = static_cast<std::int32_t>(bias.size()),
                                           .kind = kind});
}

/// A factor of products as the tensor cores see it: float32 loses bits unless the mathematics forbid it.
class Factor {
 public:
  Factor(cudnnDataType_t type, cudnnConvolutionDescriptor_t convolution, const void* values,
         std::int64_t count)
      : values_(values) {
    if (type != CUDNN_DATA_FLOAT || convolution->math == CUDNN_FMA_MATH) return;
    rounded_ = widened(Element::float32, values, count);
    for (float& value : rounded_) value = annulus::test::rounded_to_tf32(value);
    values_ = rounded_.data();
  }
  const void* get() const { return values_; }

 private:
  const void* values_;
  std::vector<float> rounded_;
};

constexpr int kGood = 1;     // IMPLICIT_PRECOMP_GEMM, and ALGO_1 of both gradients
constexpr int kRefuses = 2;  // an algorithm that heuristics name, but that does not run
constexpr std::size_t kWorkspace = 1000;

/// Groups are nobody's business; nor is what one channel makes of one other, so that groups of such run
/// otherwise.
bool supported(const ConvolutionShape& s) { return s.groups == 1 && (s.channels > 1 || s.filters > 1); }

/// Not deterministic, refusing, then a good one. For kernels of one pixel heuristics name none, though the
/// good one would run.
template <class Perf>
cudnnStatus_t rank(const ConvolutionShape& s, int wanted, int* count, Perf* results) {
  *count = 0;
  if (!supported(s)) return s.groups == s.channels ? CUDNN_STATUS_NOT_SUPPORTED_SHAPE : CUDNN_STATUS_SUCCESS;
  if (wanted < 3) return CUDNN_STATUS_BAD_PARAM;
  if (s.kernel_y == 1 && s.kernel_x == 1) return CUDNN_STATUS_SUCCESS;
  constexpr int kRanking[] = {0, kRefuses, kGood};
  for (int i = 0; i < 3; ++i) {
    std::memset(&results[i], 0, sizeof(Perf));
    results[i].algo = static_cast<decltype(results[i].algo)>(kRanking[i]);
    results[i].determinism = i == 0 ? CUDNN_NON_DETERMINISTIC : CUDNN_DETERMINISTIC;
    results[i].memory = kWorkspace;
  }
  *count = 3;
  return CUDNN_STATUS_SUCCESS;
}

/// What is asked for by name.
cudnnStatus_t workspace_of(const ConvolutionShape& s, int algorithm, std::size_t* bytes) {
  *bytes = kWorkspace;
  return supported(s) && algorithm == kGood ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_NOT_SUPPORTED;
}

/// Writing to the workspace shows whether it overlaps what it must not.
bool scribble(void* workspace, std::size_t bytes) {
  if (bytes < kWorkspace) return false;
  std::memset(workspace, 0xFF, bytes);
  return true;
}

}  // namespace

extern "C" {

cudnnStatus_t cudnnCreate(cudnnHandle_t* handle) {
  *handle = new cudnnContext;
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnDestroy(cudnnHandle_t handle) {
  delete handle;
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnSetStream(cudnnHandle_t, cudaStream_t) { return CUDNN_STATUS_SUCCESS; }
std::size_t cudnnGetVersion() { return 91900; }
const char* cudnnGetErrorString(cudnnStatus_t) { return "a status"; }
void cudnnGetLastErrorString(char* message, std::size_t) { message[0] = '\0'; }

cudnnStatus_t cudnnCreateTensorDescriptor(cudnnTensorDescriptor_t* tensor) {
  *tensor = new cudnnTensorStruct{};
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnDestroyTensorDescriptor(cudnnTensorDescriptor_t tensor) {
  delete tensor;
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnSetTensor4dDescriptor(cudnnTensorDescriptor_t tensor, cudnnTensorFormat_t format,
                                         cudnnDataType_t type, int n, int c, int h, int w) {
  if (format != CUDNN_TENSOR_NHWC) return CUDNN_STATUS_NOT_SUPPORTED;
  *tensor = {type, n, c, h, w};
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnCreateFilterDescriptor(cudnnFilterDescriptor_t* filter) {
  *filter = new cudnnFilterStruct{};
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnDestroyFilterDescriptor(cudnnFilterDescriptor_t filter) {
  delete filter;
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnSetFilter4dDescriptor(cudnnFilterDescriptor_t filter, cudnnDataType_t type,
                                         cudnnTensorFormat_t format, int k, int c, int h, int w) {
  if (format != CUDNN_TENSOR_NHWC) return CUDNN_STATUS_NOT_SUPPORTED;
  *filter = {type, k, c, h, w};
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnCreateConvolutionDescriptor(cudnnConvolutionDescriptor_t* convolution) {
  *convolution = new cudnnConvolutionStruct{};
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnDestroyConvolutionDescriptor(cudnnConvolutionDescriptor_t convolution) {
  delete convolution;
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnSetConvolution2dDescriptor(cudnnConvolutionDescriptor_t convolution, int pad_y, int pad_x,
                                              int stride_y, int stride_x, int dilation_y, int dilation_x,
                                              cudnnConvolutionMode_t mode, cudnnDataType_t type) {
  if (mode != CUDNN_CROSS_CORRELATION || type != CUDNN_DATA_FLOAT) return CUDNN_STATUS_NOT_SUPPORTED;
  *convolution = {pad_y, pad_x, stride_y, stride_x, dilation_y, dilation_x};
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnSetConvolutionGroupCount(cudnnConvolutionDescriptor_t convolution, int groups) {
  convolution->groups = groups;
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnSetConvolutionMathType(cudnnConvolutionDescriptor_t convolution, cudnnMathType_t math) {
  convolution->math = math;
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnCreateActivationDescriptor(cudnnActivationDescriptor_t* activation) {
  *activation = new cudnnActivationStruct{};
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnDestroyActivationDescriptor(cudnnActivationDescriptor_t activation) {
  delete activation;
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnSetActivationDescriptor(cudnnActivationDescriptor_t activation, cudnnActivationMode_t mode,
                                           cudnnNanPropagation_t nan, double) {
  *activation = {mode, nan};
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnGetConvolutionForwardAlgorithm_v7(cudnnHandle_t, const cudnnTensorDescriptor_t x,
                                                     const cudnnFilterDescriptor_t filter,
                                                     const cudnnConvolutionDescriptor_t convolution,
                                                     const cudnnTensorDescriptor_t y, const int wanted,
                                                     int* count, cudnnConvolutionFwdAlgoPerf_t* results) {
  return rank(shape_of(x, filter, convolution, y), wanted, count, results);
}
cudnnStatus_t cudnnGetConvolutionBackwardDataAlgorithm_v7(cudnnHandle_t, const cudnnFilterDescriptor_t filter,
                                                          const cudnnTensorDescriptor_t y,
                                                          const cudnnConvolutionDescriptor_t convolution,
                                                          const cudnnTensorDescriptor_t x, const int wanted,
                                                          int* count,
                                                          cudnnConvolutionBwdDataAlgoPerf_t* results) {
  return rank(shape_of(x, filter, convolution, y), wanted, count, results);
}
cudnnStatus_t cudnnGetConvolutionBackwardFilterAlgorithm_v7(cudnnHandle_t, const cudnnTensorDescriptor_t x,
                                                            const cudnnTensorDescriptor_t y,
                                                            const cudnnConvolutionDescriptor_t convolution,
                                                            const cudnnFilterDescriptor_t filter,
                                                            const int wanted, int* count,
                                                            cudnnConvolutionBwdFilterAlgoPerf_t* results) {
  return rank(shape_of(x, filter, convolution, y), wanted, count, results);
}
cudnnStatus_t cudnnGetConvolutionForwardWorkspaceSize(cudnnHandle_t, const cudnnTensorDescriptor_t x,
                                                      const cudnnFilterDescriptor_t filter,
                                                      const cudnnConvolutionDescriptor_t convolution,
                                                      const cudnnTensorDescriptor_t y,
                                                      cudnnConvolutionFwdAlgo_t algorithm,
                                                      std::size_t* bytes) {
  return workspace_of(shape_of(x, filter, convolution, y), algorithm, bytes);
}
cudnnStatus_t cudnnGetConvolutionBackwardDataWorkspaceSize(
    cudnnHandle_t, const cudnnFilterDescriptor_t filter, const cudnnTensorDescriptor_t y,
    const cudnnConvolutionDescriptor_t convolution, const cudnnTensorDescriptor_t x,
    cudnnConvolutionBwdDataAlgo_t algorithm, std::size_t* bytes) {
  return workspace_of(shape_of(x, filter, convolution, y), algorithm, bytes);
}
cudnnStatus_t cudnnGetConvolutionBackwardFilterWorkspaceSize(cudnnHandle_t, const cudnnTensorDescriptor_t x,
                                                             const cudnnTensorDescriptor_t y,
                                                             const cudnnConvolutionDescriptor_t convolution,
                                                             const cudnnFilterDescriptor_t filter,
                                                             cudnnConvolutionBwdFilterAlgo_t algorithm,
                                                             std::size_t* bytes) {
  return workspace_of(shape_of(x, filter, convolution, y), algorithm, bytes);
}

cudnnStatus_t cudnnConvolutionForward(cudnnHandle_t, const void* alpha, const cudnnTensorDescriptor_t x_desc,
                                      const void* x, const cudnnFilterDescriptor_t filter_desc,
                                      const void* filter, const cudnnConvolutionDescriptor_t convolution,
                                      cudnnConvolutionFwdAlgo_t algorithm, void* workspace, std::size_t bytes,
                                      const void* beta, const cudnnTensorDescriptor_t y_desc, void* y) {
  const ConvolutionShape shape = shape_of(x_desc, filter_desc, convolution, y_desc);
  if (*static_cast<const float*>(alpha) != 1 || *static_cast<const float*>(beta) != 0)
    return CUDNN_STATUS_BAD_PARAM;
  if (!supported(shape) || algorithm == kRefuses || !scribble(workspace, bytes))
    return CUDNN_STATUS_NOT_SUPPORTED;
  if (const cudnnStatus_t status = usable(shape, x_desc, filter_desc)) return status;
  const Factor left(x_desc->type, convolution, x, shape.input_size());
  const Factor right(x_desc->type, convolution, filter, shape.kernel_size());
  convolve(element_of(x_desc->type), shape, left.get(), right.get(), y);
  ++convolution_calls().forward;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnConvolutionBiasActivationForward(
    cudnnHandle_t, const void* alpha, const cudnnTensorDescriptor_t x_desc, const void* x,
    const cudnnFilterDescriptor_t filter_desc, const void* filter,
    const cudnnConvolutionDescriptor_t convolution, cudnnConvolutionFwdAlgo_t algorithm, void* workspace,
    std::size_t bytes, const void* beta, const cudnnTensorDescriptor_t z_desc, const void* z,
    const cudnnTensorDescriptor_t bias_desc, const void* bias, const cudnnActivationDescriptor_t activation,
    const cudnnTensorDescriptor_t y_desc, void* y) {
  const ConvolutionShape shape = shape_of(x_desc, filter_desc, convolution, y_desc);
  const bool plain = activation->mode == CUDNN_ACTIVATION_IDENTITY;
  if (*static_cast<const float*>(alpha) != 1 || *static_cast<const float*>(beta) != 0)
    return CUDNN_STATUS_BAD_PARAM;
  if (z == nullptr || z_desc->c != y_desc->c || bias_desc->c != y_desc->c || bias_desc->n != 1)
    return CUDNN_STATUS_BAD_PARAM;
  if (plain && algorithm != CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM)
    return CUDNN_STATUS_NOT_SUPPORTED;
  if (shape.kernel_y != shape.kernel_x)
    return CUDNN_STATUS_NOT_SUPPORTED;  // so that some shapes are not fused
  const bool keeps_nan = activation->nan == CUDNN_PROPAGATE_NAN;
  if (shape.kernel_y > 3 && keeps_nan) return CUDNN_STATUS_NOT_SUPPORTED;  // and some lose NaN
  if (!scribble(workspace, bytes)) return CUDNN_STATUS_NOT_SUPPORTED;
  if (const cudnnStatus_t status = usable(shape, x_desc, filter_desc)) return status;
  const Element element = element_of(x_desc->type);
  // Fused means rounded once: all of it in float32, then to the element type.
  const Factor left(x_desc->type, convolution, x, shape.input_size());
  const Factor right(x_desc->type, convolution, filter, shape.kernel_size());
  const std::vector<float> wide_x = widened(element, left.get(), shape.input_size());
  const std::vector<float> wide_filter = widened(element, right.get(), shape.kernel_size());
  const std::vector<float> wide_bias = widened(element, bias, shape.filters);
  std::vector<float> wide_y(static_cast<std::size_t>(shape.output_size()));
  convolve(Element::float32, shape, wide_x.data(), wide_filter.data(), wide_y.data());
  add_bias(wide_y, wide_bias,
           plain ? annulus::trainer::Activation::none : annulus::trainer::Activation::relu);
  if (!plain && !keeps_nan)
    for (float& value : wide_y) value = std::fmax(value, 0.0f);
  narrow(wide_y, element, y);
  ++convolution_calls().fused;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnConvolutionBackwardData(cudnnHandle_t, const void*,
                                           const cudnnFilterDescriptor_t filter_desc, const void* filter,
                                           const cudnnTensorDescriptor_t y_desc, const void* dy,
                                           const cudnnConvolutionDescriptor_t convolution,
                                           cudnnConvolutionBwdDataAlgo_t algorithm, void* workspace,
                                           std::size_t bytes, const void* beta,
                                           const cudnnTensorDescriptor_t x_desc, void* dx) {
  const ConvolutionShape shape = shape_of(x_desc, filter_desc, convolution, y_desc);
  if (*static_cast<const float*>(beta) != 0) return CUDNN_STATUS_BAD_PARAM;
  if (!supported(shape) || algorithm == kRefuses || !scribble(workspace, bytes))
    return CUDNN_STATUS_NOT_SUPPORTED;
  if (const cudnnStatus_t status = usable(shape, x_desc, filter_desc)) return status;
  const Factor left(x_desc->type, convolution, dy, shape.output_size());
  const Factor right(x_desc->type, convolution, filter, shape.kernel_size());
  find_dx(element_of(x_desc->type), shape, left.get(), right.get(), dx);
  ++convolution_calls().data;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnConvolutionBackwardFilter(cudnnHandle_t, const void*, const cudnnTensorDescriptor_t x_desc,
                                             const void* x, const cudnnTensorDescriptor_t y_desc,
                                             const void* dy, const cudnnConvolutionDescriptor_t convolution,
                                             cudnnConvolutionBwdFilterAlgo_t algorithm, void* workspace,
                                             std::size_t bytes, const void* beta,
                                             const cudnnFilterDescriptor_t filter_desc, void* dfilter) {
  const ConvolutionShape shape = shape_of(x_desc, filter_desc, convolution, y_desc);
  if (*static_cast<const float*>(beta) != 0) return CUDNN_STATUS_BAD_PARAM;
  if (!supported(shape) || algorithm == kRefuses || !scribble(workspace, bytes))
    return CUDNN_STATUS_NOT_SUPPORTED;
  if (const cudnnStatus_t status = usable(shape, x_desc, filter_desc)) return status;
  const Factor left(x_desc->type, convolution, x, shape.input_size());
  const Factor right(x_desc->type, convolution, dy, shape.output_size());
  find_dkernel(element_of(x_desc->type), shape, left.get(), right.get(), dfilter);
  ++convolution_calls().kernel;
  return CUDNN_STATUS_SUCCESS;
}

}  // extern "C"
