// Running a planned convolution: one call of cuDNN, one for each group, or our own kernel.
#include "trainer/backend/cuda/kernels/activation_body.hpp"
#include "trainer/backend/cuda/kernels/enqueue.hpp"
#include "trainer/backend/cuda/kernels/structure_body.hpp"
#include "trainer/backend/cuda/steps/convolution_plan.hpp"

namespace annulus::trainer::cuda {
namespace {

/// cuDNN scales results: alpha * result + beta * what was there. Host pointers, read during the call.
constexpr float kOne = 1.0f, kZero = 0.0f;

/// What pieces of the workspace and slices of kernels start at a multiple of, in bytes.
constexpr std::size_t kPieceAlignment = 256, kSliceAlignment = 16;

std::size_t aligned(std::size_t bytes) {
  return (bytes + kPieceAlignment - 1) / kPieceAlignment * kPieceAlignment;
}

}  // namespace

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
  else if (forward_.runner == Runner::groups)
    forward_by_group(tensors, stream);
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
  else if (data_.runner == Runner::groups)
    data_by_group(tensors, stream);
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
  else if (kernel_.runner == Runner::groups)
    kernel_by_group(tensors, stream);
  else
    enqueue(stream, elements_, [&]<class T>(Instance<T>) {
      return ConvolutionKernelBody<T>{.x = as<T>(tensors.x),
                                      .dy = as<T>(tensors.dy),
                                      .dkernel = as<T>(tensors.dkernel),
                                      .shape = options_.shape};
    });
}

std::size_t ConvolutionPlan::kernel_bytes_of_group() const {
  return static_cast<std::size_t>(options_.shape.kernel_size() / options_.shape.groups *
                                  bytes_of(libraries_.element()));
}

/// Kernels of a group lie side by side, so that cuDNN can read them where they are, if it may read there.
bool ConvolutionPlan::kernel_slices_aligned() const { return kernel_bytes_of_group() % kSliceAlignment == 0; }

ConvolutionPlan::PieceOffsets ConvolutionPlan::piece_offsets() const {
  const ConvolutionShape& s = options_.shape;
  const auto bytes = [&](std::int64_t count) {
    return aligned(static_cast<std::size_t>(count / s.groups * bytes_of(libraries_.element())));
  };
  PieceOffsets at{.y = bytes(s.input_size())};
  at.kernel = at.y + bytes(s.output_size());
  at.workspace = at.kernel + (kernel_slices_aligned() ? 0 : bytes(s.kernel_size()));
  return at;
}

ConvolutionPlan::Pieces ConvolutionPlan::pieces(void* workspace) const {
  auto* const x = static_cast<std::byte*>(workspace);
  const PieceOffsets at = piece_offsets();
  return {x, x + at.y, x + at.kernel, x + at.workspace};
}

/// The channels of a group, or filters, between the whole tensor and a copy without gaps.
void ConvolutionPlan::copy_channels(Copy way, void* whole, void* piece, std::int32_t group, bool of_input,
                                    cudaStream_t stream) const {
  const ConvolutionShape& s = options_.shape;
  const std::int32_t all = of_input ? s.channels : s.filters, some = all / s.groups;
  const Columns in_whole{all, group * some}, in_piece{some, 0};
  const bool out = way == Copy::out_of_whole;
  enqueue(stream, elements_, [&]<class T>(Instance<T>) {
    return CopyColumnsBody<T, T>{.from = as<T>(out ? whole : piece),
                                 .to = as<T>(out ? piece : whole),
                                 .source = out ? in_whole : in_piece,
                                 .target = out ? in_piece : in_whole,
                                 .columns = some,
                                 .rows = (of_input ? s.input_size() : s.output_size()) / all};
  });
}

const void* ConvolutionPlan::kernel_of(const void* kernel, std::int32_t group, const Pieces& at,
                                       cudaStream_t stream) const {
  const std::size_t bytes = kernel_bytes_of_group();
  const auto* const slice = static_cast<const std::byte*>(kernel) + static_cast<std::size_t>(group) * bytes;
  if (kernel_slices_aligned()) return slice;
  comm::copy_on_device(at.kernel, slice, bytes, stream);
  return at.kernel;
}

void ConvolutionPlan::forward_by_group(const Forward& tensors, cudaStream_t stream) const {
  const Pieces at = pieces(tensors.workspace);
  for (std::int32_t group = 0; group < options_.shape.groups; ++group) {
    copy_channels(Copy::out_of_whole, const_cast<void*>(tensors.x), at.x, group, true, stream);
    group_->forward({.x = at.x,
                     .kernel = kernel_of(tensors.kernel, group, at, stream),
                     .bias = nullptr,
                     .y = at.y,
                     .workspace = at.workspace},
                    stream);
    copy_channels(Copy::into_whole, tensors.y, at.y, group, false, stream);
  }
}

void ConvolutionPlan::data_by_group(const Data& tensors, cudaStream_t stream) const {
  const Pieces at = pieces(tensors.workspace);
  for (std::int32_t group = 0; group < options_.shape.groups; ++group) {
    copy_channels(Copy::out_of_whole, const_cast<void*>(tensors.dy), at.y, group, false, stream);
    group_->backward_data({.dy = at.y,
                           .kernel = kernel_of(tensors.kernel, group, at, stream),
                           .dx = at.x,
                           .workspace = at.workspace},
                          stream);
    copy_channels(Copy::into_whole, tensors.dx, at.x, group, true, stream);
  }
}

void ConvolutionPlan::kernel_by_group(const Kernel& tensors, cudaStream_t stream) const {
  const Pieces at = pieces(tensors.workspace);
  const std::size_t bytes = kernel_bytes_of_group();
  for (std::int32_t group = 0; group < options_.shape.groups; ++group) {
    copy_channels(Copy::out_of_whole, const_cast<void*>(tensors.x), at.x, group, true, stream);
    copy_channels(Copy::out_of_whole, const_cast<void*>(tensors.dy), at.y, group, false, stream);
    std::byte* const slice =
        static_cast<std::byte*>(tensors.dkernel) + static_cast<std::size_t>(group) * bytes;
    std::byte* const target = kernel_slices_aligned() ? slice : at.kernel;
    group_->backward_kernel({.x = at.x, .dy = at.y, .dkernel = target, .workspace = at.workspace}, stream);
    if (target != slice) comm::copy_on_device(slice, target, bytes, stream);
  }
}

}  // namespace annulus::trainer::cuda
