// Convolution, bias and activation. cuDNN pads alike on both sides; what is more on one side is padded into a
// copy of the images first.
#include <algorithm>

#include "trainer/backend/cuda/kernels/activation_body.hpp"
#include "trainer/backend/cuda/steps/bias_gradient.hpp"
#include "trainer/backend/cuda/steps/convolution_plan.hpp"
#include "trainer/backend/cuda/steps/steps.hpp"

namespace annulus::trainer::cuda {
namespace {

std::int32_t narrow(std::int64_t value) { return static_cast<std::int32_t>(value); }

/// What lies around the images that cuDNN gets to see.
Frame frame_of(const Layer& layer, const Padding& padding) {
  const std::int64_t vertical = std::min(padding.top, padding.bottom);
  const std::int64_t horizontal = std::min(padding.left, padding.right);
  const SampleShape& in = layer.input;
  return {.height = narrow(in.height),
          .width = narrow(in.width),
          .channels = narrow(in.channels),
          .outer_height = narrow(in.height + padding.top + padding.bottom - 2 * vertical),
          .outer_width = narrow(in.width + padding.left + padding.right - 2 * horizontal),
          .top = narrow(padding.top - vertical),
          .left = narrow(padding.left - horizontal)};
}

ConvolutionShape shape_of(const Layer& layer, const Frame& frame, std::int64_t samples) {
  const auto& conv = std::get<Conv2d>(layer.operation);
  return {.samples = narrow(samples),
          .height = frame.outer_height,
          .width = frame.outer_width,
          .channels = frame.channels,
          .out_height = narrow(layer.output.height),
          .out_width = narrow(layer.output.width),
          .filters = narrow(layer.output.channels),
          .kernel_y = narrow(conv.kernel.height),
          .kernel_x = narrow(conv.kernel.width),
          .stride_y = narrow(conv.stride.height),
          .stride_x = narrow(conv.stride.width),
          .dilation_y = narrow(conv.dilation.height),
          .dilation_x = narrow(conv.dilation.width),
          .top = narrow(std::min(conv.padding.top, conv.padding.bottom)),
          .left = narrow(std::min(conv.padding.left, conv.padding.right)),
          .groups = narrow(conv.groups)};
}

enum ParameterIndex { kKernel = 0, kBias = 1 };

class ConvolutionStep final : public Step {
 public:
  ConvolutionStep(Compiler& compiler, const LayerRef& ref, const Value& input, const Value& output,
                  const Tail& tail)
      : element_(compiler.element()),
        samples_(compiler.samples()),
        bias_(std::get<Conv2d>(ref.layer.operation).bias),
        frame_(frame_of(ref.layer, std::get<Conv2d>(ref.layer.operation).padding)),
        framed_(frame_.outer_height != frame_.height || frame_.outer_width != frame_.width),
        shape_(shape_of(ref.layer, frame_, samples_)),
        plan_(compiler.libraries(), {.shape = shape_,
                                     .directions = directions(compiler, input),
                                     .bias = bias_,
                                     .activation = tail.activation,
                                     .name = ref.layer.name}),
        frame_packs_(packs_of(element_, frame_.channels)) {
    compiler.account().add(ref.layer.name, plan_.describe_run());
    kernel_values_ = compiler.store().weights(ref.index, kKernel);
    if (bias_) bias_values_ = compiler.store().weights(ref.index, kBias);
    place_forward(compiler, input, output);
    if (!compiler.training()) return;
    place_backward(compiler, ref, input, output);
    bias_gradient_ = BiasGradient(
        compiler, ref, output, {.parameter = kBias, .bias = bias_, .own_derivative = tail.own_derivative()});
  }

  void forward(const ShardContext& context) override;
  void backward(const ShardContext& context) override;

 private:
  static Directions directions(const Compiler& compiler, const Value& input) {
    if (!compiler.training()) return Directions::forward;
    return input.wants_gradient() ? Directions::all : Directions::forward_and_backward_of_kernel;
  }
  void place_forward(Compiler& compiler, const Value& input, const Value& output);
  void place_backward(Compiler& compiler, const LayerRef& ref, const Value& input, const Value& output);
  void backward_kernel(const ShardContext& context) const;
  void backward_data(const ShardContext& context) const;

  Element element_;
  std::int64_t samples_;
  bool bias_;
  Frame frame_;
  bool framed_;  // images are padded into a copy first
  ConvolutionShape shape_;
  ConvolutionPlan plan_;
  PackInstance frame_packs_;
  const void* kernel_values_ = nullptr;
  const void* bias_values_ = nullptr;
  BufferId x_ = kNoBuffer, framed_x_ = kNoBuffer, y_ = kNoBuffer, forward_workspace_ = kNoBuffer;
  BufferId dy_ = kNoBuffer, dx_ = kNoBuffer, framed_dx_ = kNoBuffer;
  BufferId data_workspace_ = kNoBuffer, kernel_workspace_ = kNoBuffer;
  BufferId dkernel_ = kNoBuffer;  // in bfloat16, the gradient before it is widened
  BiasGradient bias_gradient_;
  std::size_t kernel_gradient_ = 0;  // element in the gradient buffer
};

void ConvolutionStep::place_forward(Compiler& compiler, const Value& input, const Value& output) {
  x_ = compiler.use(input.data, Pass::forward);
  y_ = output.data;
  if (framed_)
    framed_x_ =
        compiler.scratch(static_cast<std::size_t>(shape_.input_size() * bytes_of(element_)), Pass::forward);
  forward_workspace_ = compiler.scratch(plan_.forward_workspace(), Pass::forward);
}

void ConvolutionStep::place_backward(Compiler& compiler, const LayerRef& ref, const Value& input,
                                     const Value& output) {
  compiler.use(framed_ ? framed_x_ : x_, Pass::backward);
  dy_ = output.gradient;
  kernel_gradient_ = compiler.store().gradient(ref.index, kKernel);
  kernel_workspace_ = compiler.scratch(plan_.kernel_workspace(), Pass::backward);
  if (element_ != Element::float32)
    dkernel_ =
        compiler.scratch(static_cast<std::size_t>(shape_.kernel_size() * bytes_of(element_)), Pass::backward);
  if (!input.wants_gradient()) return;
  dx_ = compiler.use(input.gradient, Pass::backward);
  data_workspace_ = compiler.scratch(plan_.data_workspace(), Pass::backward);
  if (framed_)
    framed_dx_ =
        compiler.scratch(static_cast<std::size_t>(shape_.input_size() * bytes_of(element_)), Pass::backward);
}

void ConvolutionStep::forward(const ShardContext& context) {
  const void* x = context.at(x_);
  if (framed_) {
    enqueue(context.stream, frame_packs_, [&]<class T, int P>(Instance<T, P>) {
      return PadBody<T, P>{.inner = context.at<T>(x_),
                           .outer = context.at<T>(framed_x_),
                           .frame = frame_,
                           .samples = samples_};
    });
    x = context.at(framed_x_);
  }
  plan_.forward({.x = x,
                 .kernel = kernel_values_,
                 .bias = bias_values_,
                 .y = context.at(y_),
                 .workspace = context.at(forward_workspace_)},
                context.stream);
}

void ConvolutionStep::backward(const ShardContext& context) {
  bias_gradient_.enqueue(context);
  backward_kernel(context);
  if (dx_ != kNoBuffer) backward_data(context);
}

void ConvolutionStep::backward_kernel(const ShardContext& context) const {
  float* gradient = context.gradients + kernel_gradient_;
  const bool widen = element_ != Element::float32;
  plan_.backward_kernel({.x = context.at(framed_ ? framed_x_ : x_),
                         .dy = context.at(dy_),
                         .dkernel = widen ? context.at(dkernel_) : gradient,
                         .workspace = context.at(kernel_workspace_)},
                        context.stream);
  if (widen)
    enqueue(context.stream,
            ConvertBody<BFloat16, float>{
                .from = context.at<BFloat16>(dkernel_), .to = gradient, .elements = shape_.kernel_size()});
}

void ConvolutionStep::backward_data(const ShardContext& context) const {
  void* dx = context.at(framed_ ? framed_dx_ : dx_);
  plan_.backward_data(
      {.dy = context.at(dy_), .kernel = kernel_values_, .dx = dx, .workspace = context.at(data_workspace_)},
      context.stream);
  if (!framed_) return;
  enqueue(context.stream, frame_packs_, [&]<class T, int P>(Instance<T, P>) {
    return CropBody<T, P>{
        .outer = as<T>(dx), .inner = context.at<T>(dx_), .frame = frame_, .samples = samples_};
  });
}

}  // namespace

Lowered make_convolution(Compiler& compiler, const LayerRef& ref, const Value& input, const Tail& tail) {
  Value output = compiler.output(ref, compiler.element(), Gradient::yes);
  output.pending = tail.left_to_reader;
  return {std::make_unique<ConvolutionStep>(compiler, ref, input, output, tail), output};
}

}  // namespace annulus::trainer::cuda
