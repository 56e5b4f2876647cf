// cuDNN's legacy API: cudnnGet...Algorithm_v7 ranks algorithms by heuristics, which are the same for every
// rank on one kind of GPU; measuring would choose differently from run to run, and so would the bits.
#include "trainer/backend/cuda/steps/convolution_plan.hpp"

#include <array>
#include <span>

#include "base/log.hpp"

namespace annulus::trainer::cuda {
namespace {

/// Algorithms that want more than this are passed over.
constexpr std::size_t kMostWorkspace = std::size_t{1} << 30;
/// More than any of the three enumerations has.
constexpr int kMostAlgorithms = 16;

/// Scratch pieces of the trials.
enum Part : std::size_t { kInput, kOutput, kWeights, kBias, kWorkspace };

/// What cuDNN's reference calls deterministic and every shape ought to have; asked for by name where the
/// heuristics name none. Those of the kernel's gradient have no other in NHWC.
constexpr std::array kForwardAlgorithms{CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM,
                                        CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM};
constexpr std::array kDataAlgorithms{CUDNN_CONVOLUTION_BWD_DATA_ALGO_1};
constexpr std::array kKernelAlgorithms{CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1};
/// float32 products are exact under FMA_MATH alone.
constexpr std::array kExactMath{CUDNN_FMA_MATH};
constexpr std::array kRoundingMath{CUDNN_TENSOR_OP_MATH, CUDNN_DEFAULT_MATH, CUDNN_FMA_MATH};

/// NOT_SUPPORTED is a family of codes since version 9.
LibraryAnswer answer_of(cudnnStatus_t status) {
  if (status == CUDNN_STATUS_SUCCESS) return LibraryAnswer::algorithms;
  const int family = CUDNN_STATUS_CATEGORY(status);
  return family == CUDNN_STATUS_NOT_SUPPORTED ? LibraryAnswer::not_supported : LibraryAnswer::failure;
}

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
}

void ConvolutionPlan::set_activation(NanInRelu nan) const {
  const bool relu = options_.activation == Activation::relu;
  ANNULUS_CHECK_CUDNN(cudnnSetActivationDescriptor(
      activation_.get(), relu ? CUDNN_ACTIVATION_RELU : CUDNN_ACTIVATION_IDENTITY,
      nan == NanInRelu::kept ? CUDNN_PROPAGATE_NAN : CUDNN_NOT_PROPAGATE_NAN, 0.0));
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

/// The first algorithm that is deterministic, fits and runs; Runner::own when there is none.
/// @param results  of the heuristics   @param known  to be asked for by name
/// @param workspace_of  status of asking for a candidate's workspace, which it writes
/// @param run  tries a choice out on scratch memory
template <class Algorithm, class Perf, class WorkspaceOf, class Run>
ConvolutionPlan::Choice<Algorithm> ConvolutionPlan::choose(std::span<const Perf> results,
                                                           std::span<const Algorithm> known,
                                                           const WorkspaceOf& workspace_of,
                                                           const Run& run) const {
  using One = Candidate<Algorithm, cudnnMathType_t>;
  const bool exact = libraries_.precision() == Precision::float32;
  std::vector<Ranked<Algorithm, cudnnMathType_t>> ranked;
  for (const Perf& result : results)
    // In float32 a result may come labelled DEFAULT_MATH: it is run under FMA_MATH all the same.
    ranked.push_back({{result.algo, exact ? CUDNN_FMA_MATH : result.mathType, result.memory},
                      result.status == CUDNN_STATUS_SUCCESS && result.determinism == CUDNN_DETERMINISTIC});
  const auto maths = exact ? std::span<const cudnnMathType_t>(kExactMath) : std::span(kRoundingMath);
  const std::vector<One> named = combinations(known, maths);
  const std::optional<One> found = first_that_runs(
      std::span<const Ranked<Algorithm, cudnnMathType_t>>(ranked), std::span<const One>(named),
      kMostWorkspace,
      [&](const One& one) -> std::optional<std::size_t> {
        std::size_t bytes = 0;
        if (workspace_of(one, &bytes) != CUDNN_STATUS_SUCCESS) return std::nullopt;
        return bytes;
      },
      [&](const One& one) {
        if (!went_well(run(Choice<Algorithm>{Runner::library, one.algorithm, one.math, one.workspace})))
          return false;
        libraries_.trial_stream().synchronize();
        return true;
      });
  if (!found) return {};
  return {Runner::library, found->algorithm, found->math, found->workspace};
}

/// Decides about a direction that cuDNN has not for the whole convolution, and says what was chosen.
template <class Algorithm>
void ConvolutionPlan::settle(const char* direction, Choice<Algorithm> ConvolutionPlan::*direction_of) {
  Choice<Algorithm>& choice = this->*direction_of;
  if (choice.runner == Runner::own)
    choice.runner = without_whole(options_.shape.groups,
                                  [&] { return (plan_of_group().*direction_of).runner == Runner::library; });
  if (choice.runner == Runner::groups) {
    choice.algorithm = ((*group_).*direction_of).algorithm;
    choice.workspace = piece_offsets().workspace + ((*group_).*direction_of).workspace;
    log_debug("{}, {}: algorithm {} of cuDNN, one group after the other", options_.name, direction,
              static_cast<int>(choice.algorithm));
  } else if (choice.runner != Runner::own) {
    log_debug("{}, {}: algorithm {} of cuDNN, {} bytes of workspace", options_.name, direction,
              static_cast<int>(choice.algorithm), choice.workspace);
  } else if (!options_.one_group) {
    log_warning(
        "{}, {}: cuDNN has no deterministic algorithm for this shape, so a plain kernel runs it, which is slow. Other numbers of groups or channels, or no dilation, may have one.",
        options_.name, direction);
  }
}

const ConvolutionPlan& ConvolutionPlan::plan_of_group() {
  if (group_) return *group_;
  ConvolutionShape shape = options_.shape;
  shape.channels = options_.shape.group_channels();
  shape.filters = options_.shape.group_filters();
  shape.groups = 1;
  group_ = std::make_unique<ConvolutionPlan>(libraries_, Options{.shape = shape,
                                                                 .directions = options_.directions,
                                                                 .bias = false,
                                                                 .activation = Activation::none,
                                                                 .name = options_.name + ", one group",
                                                                 .one_group = true});
  return *group_;
}

ConvolutionPlan::Forward ConvolutionPlan::trial_tensors(std::size_t workspace) const {
  const ConvolutionShape& s = options_.shape;
  const std::size_t bytes = static_cast<std::size_t>(bytes_of(libraries_.element()));
  return {.x = libraries_.scratch(kInput, static_cast<std::size_t>(s.input_size()) * bytes),
          .kernel = libraries_.scratch(kWeights, static_cast<std::size_t>(s.kernel_size()) * bytes),
          .bias = libraries_.scratch(kBias, static_cast<std::size_t>(s.filters) * bytes),
          .y = libraries_.scratch(kOutput, static_cast<std::size_t>(s.output_size()) * bytes),
          .workspace = libraries_.scratch(kWorkspace, workspace)};
}

void ConvolutionPlan::choose_forward() {
  std::array<cudnnConvolutionFwdAlgoPerf_t, kMostAlgorithms> results{};
  int count = 0;
  const cudaStream_t stream = libraries_.trial_stream().get();
  const cudnnStatus_t asked = cudnnGetConvolutionForwardAlgorithm_v7(
      libraries_.cudnn(stream), x_.get(), filter_.get(), convolution(wanted_math()), y_.get(),
      kMostAlgorithms, &count, results.data());
  if (ends_program(answer_of(asked), false)) ANNULUS_CHECK_CUDNN(asked);
  forward_ = choose(
      std::span<const cudnnConvolutionFwdAlgoPerf_t>(results).first(static_cast<std::size_t>(count)),
      std::span<const cudnnConvolutionFwdAlgo_t>(kForwardAlgorithms),
      [&](const auto& one, std::size_t* bytes) {
        return cudnnGetConvolutionForwardWorkspaceSize(libraries_.cudnn(stream), x_.get(), filter_.get(),
                                                       convolution(one.math), y_.get(), one.algorithm, bytes);
      },
      [&](const auto& choice) { return run_forward(choice, trial_tensors(choice.workspace), stream); });
  if (forward_.runner == Runner::library) choose_fused();
  settle("forward", &ConvolutionPlan::forward_);
}

/// With bias and activation inside, where cuDNN has that.
void ConvolutionPlan::choose_fused() {
  const bool fusable = options_.activation == Activation::relu || options_.activation == Activation::none;
  if (!options_.bias || !fusable) return;
  constexpr cudnnConvolutionFwdAlgo_t kUsual = CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM;
  const cudaStream_t stream = libraries_.trial_stream().get();
  // Bias without activation is documented for the usual algorithm alone.
  const bool relu = options_.activation == Activation::relu;
  for (const auto& way : fused_tries(relu ? std::optional(forward_.algorithm) : std::nullopt, kUsual)) {
    Choice<cudnnConvolutionFwdAlgo_t> fused = forward_;
    fused.runner = Runner::fused;
    fused.algorithm = way.algorithm;
    if (way.algorithm != forward_.algorithm &&
        cudnnGetConvolutionForwardWorkspaceSize(libraries_.cudnn(stream), x_.get(), filter_.get(),
                                                convolution(fused.math), y_.get(), fused.algorithm,
                                                &fused.workspace) != CUDNN_STATUS_SUCCESS)
      continue;
    if (fused.workspace > kMostWorkspace) continue;
    set_activation(way.nan);
    if (!went_well(run_fused(fused, trial_tensors(fused.workspace), stream))) continue;
    libraries_.trial_stream().synchronize();
    forward_ = fused;
    return;
  }
}

void ConvolutionPlan::choose_data() {
  std::array<cudnnConvolutionBwdDataAlgoPerf_t, kMostAlgorithms> results{};
  int count = 0;
  const cudaStream_t stream = libraries_.trial_stream().get();
  const cudnnStatus_t asked = cudnnGetConvolutionBackwardDataAlgorithm_v7(
      libraries_.cudnn(stream), filter_.get(), y_.get(), convolution(wanted_math()), x_.get(),
      kMostAlgorithms, &count, results.data());
  if (ends_program(answer_of(asked), false)) ANNULUS_CHECK_CUDNN(asked);
  data_ = choose(
      std::span<const cudnnConvolutionBwdDataAlgoPerf_t>(results).first(static_cast<std::size_t>(count)),
      std::span<const cudnnConvolutionBwdDataAlgo_t>(kDataAlgorithms),
      [&](const auto& one, std::size_t* bytes) {
        return cudnnGetConvolutionBackwardDataWorkspaceSize(libraries_.cudnn(stream), filter_.get(), y_.get(),
                                                            convolution(one.math), x_.get(), one.algorithm,
                                                            bytes);
      },
      [&](const auto& choice) {
        const Forward at = trial_tensors(choice.workspace);
        return run_data(
            choice,
            {.dy = at.y, .kernel = at.kernel, .dx = const_cast<void*>(at.x), .workspace = at.workspace},
            stream);
      });
  settle("gradient of the input", &ConvolutionPlan::data_);
}

void ConvolutionPlan::choose_kernel() {
  std::array<cudnnConvolutionBwdFilterAlgoPerf_t, kMostAlgorithms> results{};
  int count = 0;
  const cudaStream_t stream = libraries_.trial_stream().get();
  const cudnnStatus_t asked = cudnnGetConvolutionBackwardFilterAlgorithm_v7(
      libraries_.cudnn(stream), x_.get(), y_.get(), convolution(wanted_math()), filter_.get(),
      kMostAlgorithms, &count, results.data());
  if (ends_program(answer_of(asked), false)) ANNULUS_CHECK_CUDNN(asked);
  kernel_ = choose(
      std::span<const cudnnConvolutionBwdFilterAlgoPerf_t>(results).first(static_cast<std::size_t>(count)),
      std::span<const cudnnConvolutionBwdFilterAlgo_t>(kKernelAlgorithms),
      [&](const auto& one, std::size_t* bytes) {
        return cudnnGetConvolutionBackwardFilterWorkspaceSize(libraries_.cudnn(stream), x_.get(), y_.get(),
                                                              convolution(one.math), filter_.get(),
                                                              one.algorithm, bytes);
      },
      [&](const auto& choice) {
        const Forward at = trial_tensors(choice.workspace);
        return run_kernel(
            choice,
            {.x = at.x, .dy = at.y, .dkernel = const_cast<void*>(at.kernel), .workspace = at.workspace},
            stream);
      });
  settle("gradient of the kernel", &ConvolutionPlan::kernel_);
}

}  // namespace annulus::trainer::cuda
