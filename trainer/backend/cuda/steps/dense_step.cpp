// Dense layer: three products, with bias and ReLU inside the first where cuBLASLt has that.
#include "trainer/backend/cuda/kernels/activation_body.hpp"
#include "trainer/backend/cuda/steps/bias_gradient.hpp"
#include "trainer/backend/cuda/steps/gemm_plan.hpp"
#include "trainer/backend/cuda/steps/steps.hpp"

namespace annulus::trainer::cuda {
namespace {

enum ParameterIndex { kKernel = 0, kBias = 1 };

class DenseStep final : public Step {
 public:
  DenseStep(Compiler& compiler, const LayerRef& ref, const Value& input, const Value& output,
            const Tail& tail)
      : element_(compiler.element()),
        result_(output.element),
        samples_(compiler.samples()),
        inputs_(input.shape.size()),
        units_(output.shape.size()),
        bias_(std::get<Dense>(ref.layer.operation).bias),
        activation_(tail.activation),
        result_packs_(packs_of(result_, units_)) {
    const ParameterStore& store = compiler.store();
    kernel_values_ = store.weights(ref.index, kKernel);
    if (bias_)
      bias_values_ = result_ == element_ ? store.weights(ref.index, kBias) : store.master(ref.index, kBias);
    plan_forward(compiler, ref, input, output);
    if (!compiler.training()) return;
    plan_kernel(compiler, ref, input, output);
    bias_gradient_ = BiasGradient(
        compiler, ref, output, {.parameter = kBias, .bias = bias_, .own_derivative = tail.own_derivative()});
    if (input.wants_gradient()) plan_data(compiler, ref, input);
  }

  void forward(const ShardContext& context) override;
  void backward(const ShardContext& context) override;

 private:
  void plan_forward(Compiler& compiler, const LayerRef& ref, const Value& input, const Value& output);
  void plan_kernel(Compiler& compiler, const LayerRef& ref, const Value& input, const Value& output);
  void plan_data(Compiler& compiler, const LayerRef& ref, const Value& input);
  Epilogue fused_epilogue() const;
  void add_tail(const ShardContext& context) const;

  Element element_, result_;
  std::int64_t samples_, inputs_, units_;
  bool bias_;
  Activation activation_;
  PackInstance result_packs_;
  const void* kernel_values_ = nullptr;
  const void* bias_values_ = nullptr;
  std::optional<GemmPlan> forward_, kernel_, data_;
  Epilogue epilogue_ = Epilogue::none;  // of forward_
  BiasGradient bias_gradient_;
  BufferId x_ = kNoBuffer, y_ = kNoBuffer, dy_ = kNoBuffer, dx_ = kNoBuffer;
  BufferId forward_workspace_ = kNoBuffer, kernel_workspace_ = kNoBuffer, data_workspace_ = kNoBuffer;
  std::size_t kernel_gradient_ = 0;  // element in the gradient buffer
};

Epilogue DenseStep::fused_epilogue() const {
  if (activation_ == Activation::relu) return bias_ ? Epilogue::bias_relu : Epilogue::relu;
  return bias_ ? Epilogue::bias : Epilogue::none;
}

/// y (samples, units) = x (samples, inputs) * kernel (inputs, units).
void DenseStep::plan_forward(Compiler& compiler, const LayerRef& ref, const Value& input,
                             const Value& output) {
  GemmShape shape{.rows = samples_,
                  .columns = units_,
                  .inner = inputs_,
                  .factors = element_,
                  .result = result_,
                  .epilogue = fused_epilogue()};
  forward_ = GemmPlan::make(compiler.libraries(), shape);
  if (!forward_) {
    shape.epilogue = Epilogue::none;
    forward_ = GemmPlan::make_or_throw(compiler.libraries(), shape, ref.layer.name);
  }
  epilogue_ = shape.epilogue;
  compiler.account().add(ref.layer.name, fused_epilogue(), epilogue_);
  x_ = compiler.use(input.data, Pass::forward);
  y_ = output.data;
  forward_workspace_ = compiler.scratch(forward_->workspace(), Pass::forward);
}

/// Gradient of the kernel (inputs, units) = x^T (inputs, samples) * dy (samples, units), in float32.
void DenseStep::plan_kernel(Compiler& compiler, const LayerRef& ref, const Value& input,
                            const Value& output) {
  const GemmShape shape{.rows = inputs_,
                        .columns = units_,
                        .inner = samples_,
                        .left = Transpose::yes,
                        .factors = element_,
                        .result = Element::float32};
  kernel_ = GemmPlan::make_or_throw(compiler.libraries(), shape, ref.layer.name);
  compiler.use(input.data, Pass::backward);
  dy_ = output.gradient;
  kernel_gradient_ = compiler.store().gradient(ref.index, kKernel);
  kernel_workspace_ = compiler.scratch(kernel_->workspace(), Pass::backward);
}

/// dx (samples, inputs) = dy (samples, units) * kernel^T (units, inputs).
void DenseStep::plan_data(Compiler& compiler, const LayerRef& ref, const Value& input) {
  const GemmShape shape{.rows = samples_,
                        .columns = inputs_,
                        .inner = units_,
                        .right = Transpose::yes,
                        .factors = element_,
                        .result = element_};
  data_ = GemmPlan::make_or_throw(compiler.libraries(), shape, ref.layer.name);
  dx_ = compiler.use(input.gradient, Pass::backward);
  data_workspace_ = compiler.scratch(data_->workspace(), Pass::backward);
}

void DenseStep::forward(const ShardContext& context) {
  forward_->run({.left = context.at(x_),
                 .right = kernel_values_,
                 .result = context.at(y_),
                 .bias = bias_values_,
                 .workspace = context.at(forward_workspace_)},
                context.stream);
  add_tail(context);
}

/// Bias and activation, as far as the product did not bring them along.
void DenseStep::add_tail(const ShardContext& context) const {
  const bool bias_left = bias_ && epilogue_ == Epilogue::none;
  const bool activation_left =
      activation_ != Activation::none && epilogue_ != Epilogue::bias_relu && epilogue_ != Epilogue::relu;
  if (!bias_left && !activation_left) return;
  enqueue(context.stream, result_packs_, [&]<class T, int P>(Instance<T, P>) {
    return BiasActivationBody<T, P>{.y = context.at<T>(y_),
                                    .bias = bias_left ? as<T>(bias_values_) : nullptr,
                                    .elements = samples_ * units_,
                                    .channels = static_cast<std::int32_t>(units_),
                                    .kind = activation_};
  });
}

void DenseStep::backward(const ShardContext& context) {
  bias_gradient_.enqueue(context);
  kernel_->run({.left = context.at(x_),
                .right = context.at(dy_),
                .result = context.gradients + kernel_gradient_,
                .bias = nullptr,
                .workspace = context.at(kernel_workspace_)},
               context.stream);
  if (!data_) return;
  data_->run({.left = context.at(dy_),
              .right = kernel_values_,
              .result = context.at(dx_),
              .bias = nullptr,
              .workspace = context.at(data_workspace_)},
             context.stream);
}

}  // namespace

Lowered make_dense(Compiler& compiler, const LayerRef& ref, const Value& input, const Tail& tail,
                   Element result) {
  Value output = compiler.output(ref, result, Gradient::yes);
  output.pending = tail.left_to_reader;
  return {std::make_unique<DenseStep>(compiler, ref, input, output, tail), output};
}

}  // namespace annulus::trainer::cuda
