// cuDNN's legacy API: cudnnGet...Algorithm_v7 ranks algorithms by heuristics, which are the same for every
// rank on one kind of GPU; measuring would choose differently from run to run, and so would the bits.
#include "trainer/backend/cuda/steps/convolution_plan.hpp"

#include <array>
#include <span>

#include "base/log.hpp"
#include "trainer/backend/cuda/kernels/activation_body.hpp"
#include "trainer/backend/cuda/kernels/enqueue.hpp"

namespace annulus::trainer::cuda {
namespace {

/// Algorithms that want more than this are passed over.
constexpr std::size_t kMostWorkspace = std::size_t{1} << 30;
/// More than any of the three enumerations has.
constexpr int kMostAlgorithms = 16;

/// cuDNN scales results: alpha * result + beta * what was there. Host pointers, read during the call.
constexpr float kOne = 1.0f, kZero = 0.0f;

/// Scratch pieces of the trials.
enum Part : std::size_t { kInput, kOutput, kWeights, kBias, kWorkspace };

TensorHandle nhwc(Element element, std::array<int, 4> extents) {
  cudnnTensorDescriptor_t handle = nullptr;
  ANNULUS_CHECK_CUDNN(cudnnCreateTensorDescriptor(&handle));
  TensorHandle tensor(handle);
  // The extents are given as N, C, H, W whatever the format.
  ANNULUS_CHECK_CUDNN(cudnnSetTensor4dDescriptor(handle, CUDNN_TENSOR_NHWC, cudnn_type(element), extents[0],
                                                 extents[1], extents[2], extents[3]));
  return tensor;
}

}  // namespace

ConvolutionPlan::ConvolutionPlan(Libraries& libraries, const Options& options)
    : libraries_(libraries),
      options_(options),
      elements_(elements_of(libraries.element())),
      output_packs_(packs_of(libraries.element(), options.shape.filters)) {
  describe_tensors();
  describe_convolution();
  choose_forward();
  if (options_.directions == Directions::all) choose_data();
  if (options_.directions != Directions::forward) choose_kernel();
}

void ConvolutionPlan::describe_tensors() {
  const ConvolutionShape& s = options_.shape;
  const Element element = libraries_.element();
  x_ = nhwc(element, {s.samples, s.channels, s.height, s.width});
  y_ = nhwc(element, {s.samples, s.filters, s.out_height, s.out_width});
  bias_ = nhwc(element, {1, s.filters, 1, 1});
  cudnnFilterDescriptor_t filter = nullptr;
  ANNULUS_CHECK_CUDNN(cudnnCreateFilterDescriptor(&filter));
  filter_ = FilterHandle(filter);
  // Extents as K, C / groups, R, S; NHWC makes the memory order K, R, S, C.
  ANNULUS_CHECK_CUDNN(cudnnSetFilter4dDescriptor(filter, cudnn_type(element), CUDNN_TENSOR_NHWC, s.filters,
                                                 s.group_channels(), s.kernel_y, s.kernel_x));
  cudnnActivationDescriptor_t activation = nullptr;
  ANNULUS_CHECK_CUDNN(cudnnCreateActivationDescriptor(&activation));
  activation_ = ActivationHandle(activation);
  const bool relu = options_.activation == Activation::relu;
  ANNULUS_CHECK_CUDNN(cudnnSetActivationDescriptor(
      activation, relu ? CUDNN_ACTIVATION_RELU : CUDNN_ACTIVATION_IDENTITY, CUDNN_PROPAGATE_NAN, 0.0));
}

void ConvolutionPlan::describe_convolution() {
  const ConvolutionShape& s = options_.shape;
  cudnnConvolutionDescriptor_t convolution = nullptr;
  ANNULUS_CHECK_CUDNN(cudnnCreateConvolutionDescriptor(&convolution));
  convolution_ = ConvolutionHandle(convolution);
  // Keras and cuDNN both call "convolution" what is a cross-correlation: the kernel is not flipped.
  ANNULUS_CHECK_CUDNN(cudnnSetConvolution2dDescriptor(convolution, s.top, s.left, s.stride_y, s.stride_x,
                                                      s.dilation_y, s.dilation_x, CUDNN_CROSS_CORRELATION,
                                                      CUDNN_DATA_FLOAT));
  ANNULUS_CHECK_CUDNN(cudnnSetConvolutionGroupCount(convolution, s.groups));
}

/// What algorithms are asked for. Without FMA_MATH cuDNN may round the operands of float32 products to tf32.
cudnnMathType_t ConvolutionPlan::wanted_math() const {
  return libraries_.precision() == Precision::float32 ? CUDNN_FMA_MATH : CUDNN_TENSOR_OP_MATH;
}

/// Algorithm and math type belong together: the descriptor takes the one that the chosen algorithm came with.
cudnnConvolutionDescriptor_t ConvolutionPlan::convolution(cudnnMathType_t math) const {
  ANNULUS_CHECK_CUDNN(cudnnSetConvolutionMathType(convolution_.get(), math));
  return convolution_.get();
}

/// The first algorithm that is deterministic, fits and runs.
/// @param run  tries a choice out on scratch memory
template <class Algorithm, class Results, class Run>
ConvolutionPlan::Choice<Algorithm> ConvolutionPlan::choose(const char* direction, const Results& results,
                                                           const Run& run) {
  for (const auto& result : results) {
    if (result.status != CUDNN_STATUS_SUCCESS || result.determinism != CUDNN_DETERMINISTIC) continue;
    if (result.memory > kMostWorkspace) continue;
    // In float32 a result may come labelled DEFAULT_MATH: it is run under FMA_MATH all the same.
    const bool exact = libraries_.precision() == Precision::float32;
    const cudnnMathType_t math = exact ? CUDNN_FMA_MATH : result.mathType;
    const Choice<Algorithm> choice{Runner::library, result.algo, math, result.memory};
    if (!went_well(run(choice))) continue;
    libraries_.trial_stream().synchronize();
    log_debug("{}, {}: algorithm {} of cuDNN, {} bytes of workspace", options_.name, direction,
              static_cast<int>(result.algo), result.memory);
    return choice;
  }
  log_warning(
      "{}, {}: cuDNN has no deterministic algorithm for this shape, so a plain kernel runs it, which is slow. Other numbers of groups or channels, or no dilation, may have one.",
      options_.name, direction);
  return {};
}

void ConvolutionPlan::choose_forward() {
  std::array<cudnnConvolutionFwdAlgoPerf_t, kMostAlgorithms> results{};
  int count = 0;
  const cudaStream_t stream = libraries_.trial_stream().get();
  const cudnnStatus_t asked = cudnnGetConvolutionForwardAlgorithm_v7(
      libraries_.cudnn(stream), x_.get(), filter_.get(), convolution(wanted_math()), y_.get(),
      kMostAlgorithms, &count, results.data());
  if (asked != CUDNN_STATUS_SUCCESS && asked != CUDNN_STATUS_NOT_SUPPORTED) ANNULUS_CHECK_CUDNN(asked);
  const ConvolutionShape& s = options_.shape;
  const std::size_t bytes = static_cast<std::size_t>(bytes_of(libraries_.element()));
  const auto tensors = [&](std::size_t workspace) {
    return Forward{.x = libraries_.scratch(kInput, static_cast<std::size_t>(s.input_size()) * bytes),
                   .kernel = libraries_.scratch(kWeights, static_cast<std::size_t>(s.kernel_size()) * bytes),
                   .bias = libraries_.scratch(kBias, static_cast<std::size_t>(s.filters) * bytes),
                   .y = libraries_.scratch(kOutput, static_cast<std::size_t>(s.output_size()) * bytes),
                   .workspace = libraries_.scratch(kWorkspace, workspace)};
  };
  forward_ = choose<cudnnConvolutionFwdAlgo_t>(
      "forward", std::span(results).first(static_cast<std::size_t>(count)),
      [&](const auto& choice) { return run_forward(choice, tensors(choice.workspace), stream); });
  const bool fusable = options_.activation == Activation::relu || options_.activation == Activation::none;
  if (!options_.bias || !fusable || forward_.runner == Runner::own) return;
  Choice<cudnnConvolutionFwdAlgo_t> fused = forward_;
  fused.runner = Runner::fused;
  // Bias without activation is documented for this algorithm alone.
  if (options_.activation == Activation::none) {
    fused.algorithm = CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM;
    if (cudnnGetConvolutionForwardWorkspaceSize(libraries_.cudnn(stream), x_.get(), filter_.get(),
                                                convolution(fused.math), y_.get(), fused.algorithm,
                                                &fused.workspace) != CUDNN_STATUS_SUCCESS)
      return;
  }
  if (fused.workspace > kMostWorkspace) return;
  if (!went_well(run_fused(fused, tensors(fused.workspace), stream))) return;
  libraries_.trial_stream().synchronize();
  forward_ = fused;
}

void ConvolutionPlan::choose_data() {
  std::array<cudnnConvolutionBwdDataAlgoPerf_t, kMostAlgorithms> results{};
  int count = 0;
  const cudaStream_t stream = libraries_.trial_stream().get();
  const cudnnStatus_t asked = cudnnGetConvolutionBackwardDataAlgorithm_v7(
      libraries_.cudnn(stream), filter_.get(), y_.get(), convolution(wanted_math()), x_.get(),
      kMostAlgorithms, &count, results.data());
  if (asked != CUDNN_STATUS_SUCCESS && asked != CUDNN_STATUS_NOT_SUPPORTED) ANNULUS_CHECK_CUDNN(asked);
  const ConvolutionShape& s = options_.shape;
  const std::size_t bytes = static_cast<std::size_t>(bytes_of(libraries_.element()));
  data_ = choose<cudnnConvolutionBwdDataAlgo_t>(
      "gradient of the input", std::span(results).first(static_cast<std::size_t>(count)),
      [&](const auto& choice) {
        return run_data(
            choice,
            {.dy = libraries_.scratch(kOutput, static_cast<std::size_t>(s.output_size()) * bytes),
             .kernel = libraries_.scratch(kWeights, static_cast<std::size_t>(s.kernel_size()) * bytes),
             .dx = libraries_.scratch(kInput, static_cast<std::size_t>(s.input_size()) * bytes),
             .workspace = libraries_.scratch(kWorkspace, choice.workspace)},
            stream);
      });
}

void ConvolutionPlan::choose_kernel() {
  std::array<cudnnConvolutionBwdFilterAlgoPerf_t, kMostAlgorithms> results{};
  int count = 0;
  const cudaStream_t stream = libraries_.trial_stream().get();
  const cudnnStatus_t asked = cudnnGetConvolutionBackwardFilterAlgorithm_v7(
      libraries_.cudnn(stream), x_.get(), y_.get(), convolution(wanted_math()), filter_.get(),
      kMostAlgorithms, &count, results.data());
  if (asked != CUDNN_STATUS_SUCCESS && asked != CUDNN_STATUS_NOT_SUPPORTED) ANNULUS_CHECK_CUDNN(asked);
  const ConvolutionShape& s = options_.shape;
  const std::size_t bytes = static_cast<std::size_t>(bytes_of(libraries_.element()));
  kernel_ = choose<cudnnConvolutionBwdFilterAlgo_t>(
      "gradient of the kernel", std::span(results).first(static_cast<std::size_t>(count)),
      [&](const auto& choice) {
        return run_kernel(
            choice,
            {.x = libraries_.scratch(kInput, static_cast<std::size_t>(s.input_size()) * bytes),
             .dy = libraries_.scratch(kOutput, static_cast<std::size_t>(s.output_size()) * bytes),
             .dkernel = libraries_.scratch(kWeights, static_cast<std::size_t>(s.kernel_size()) * bytes),
             .workspace = libraries_.scratch(kWorkspace, choice.workspace)},
            stream);
      });
}

cudnnStatus_t ConvolutionPlan::run_fused(const Choice<cudnnConvolutionFwdAlgo_t>& choice,
                                         const Forward& tensors, cudaStream_t stream) const {
  // y = activation(1 * conv(x) + 0 * z + bias); z is not read with a factor of zero, but must be given.
  return cudnnConvolutionBiasActivationForward(
      libraries_.cudnn(stream), &kOne, x_.get(), tensors.x, filter_.get(), tensors.kernel,
      convolution(choice.math), choice.algorithm, tensors.workspace, choice.workspace, &kZero, y_.get(),
      tensors.y, bias_.get(), tensors.bias, activation_.get(), y_.get(), tensors.y);
}

cudnnStatus_t ConvolutionPlan::run_forward(const Choice<cudnnConvolutionFwdAlgo_t>& choice,
                                           const Forward& tensors, cudaStream_t stream) const {
  return cudnnConvolutionForward(libraries_.cudnn(stream), &kOne, x_.get(), tensors.x, filter_.get(),
                                 tensors.kernel, convolution(choice.math), choice.algorithm,
                                 tensors.workspace, choice.workspace, &kZero, y_.get(), tensors.y);
}

cudnnStatus_t ConvolutionPlan::run_data(const Choice<cudnnConvolutionBwdDataAlgo_t>& choice,
                                        const Data& tensors, cudaStream_t stream) const {
  return cudnnConvolutionBackwardData(libraries_.cudnn(stream), &kOne, filter_.get(), tensors.kernel,
                                      y_.get(), tensors.dy, convolution(choice.math), choice.algorithm,
                                      tensors.workspace, choice.workspace, &kZero, x_.get(), tensors.dx);
}

cudnnStatus_t ConvolutionPlan::run_kernel(const Choice<cudnnConvolutionBwdFilterAlgo_t>& choice,
                                          const Kernel& tensors, cudaStream_t stream) const {
  return cudnnConvolutionBackwardFilter(
      libraries_.cudnn(stream), &kOne, x_.get(), tensors.x, y_.get(), tensors.dy, convolution(choice.math),
      choice.algorithm, tensors.workspace, choice.workspace, &kZero, filter_.get(), tensors.dkernel);
}

void ConvolutionPlan::forward(const Forward& tensors, cudaStream_t stream) const {
  if (forward_.runner == Runner::fused) {
    ANNULUS_CHECK_CUDNN(run_fused(forward_, tensors, stream));
    return;
  }
  if (forward_.runner == Runner::library)
    ANNULUS_CHECK_CUDNN(run_forward(forward_, tensors, stream));
  else
    enqueue(stream, elements_, [&]<class T>(Instance<T>) {
      return ConvolutionForwardBody<T>{.x = as<T>(tensors.x),
                                       .kernel = as<T>(tensors.kernel),
                                       .y = as<T>(tensors.y),
                                       .shape = options_.shape};
    });
  if (!options_.bias && options_.activation == Activation::none) return;
  enqueue(stream, output_packs_, [&]<class T, int P>(Instance<T, P>) {
    return BiasActivationBody<T, P>{.y = as<T>(tensors.y),
                                    .bias = as<T>(tensors.bias),
                                    .elements = options_.shape.output_size(),
                                    .channels = options_.shape.filters,
                                    .kind = options_.activation};
  });
}

void ConvolutionPlan::backward_data(const Data& tensors, cudaStream_t stream) const {
  if (data_.runner == Runner::library)
    ANNULUS_CHECK_CUDNN(run_data(data_, tensors, stream));
  else
    enqueue(stream, elements_, [&]<class T>(Instance<T>) {
      return ConvolutionDataBody<T>{.dy = as<T>(tensors.dy),
                                    .kernel = as<T>(tensors.kernel),
                                    .dx = as<T>(tensors.dx),
                                    .shape = options_.shape};
    });
}

void ConvolutionPlan::backward_kernel(const Kernel& tensors, cudaStream_t stream) const {
  if (kernel_.runner == Runner::library)
    ANNULUS_CHECK_CUDNN(run_kernel(kernel_, tensors, stream));
  else
    enqueue(stream, elements_, [&]<class T>(Instance<T>) {
      return ConvolutionKernelBody<T>{.x = as<T>(tensors.x),
                                      .dy = as<T>(tensors.dy),
                                      .dkernel = as<T>(tensors.dkernel),
                                      .shape = options_.shape};
    });
}

}  // namespace annulus::trainer::cuda
