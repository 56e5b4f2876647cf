// Batch norm with its activation, and local response norm.
#include "base/error.hpp"
#include "trainer/backend/cuda/steps/steps.hpp"

namespace annulus::trainer::cuda {
namespace {

// Parameters of a batch_norm layer, in the order of Layer::parameters.
enum ParameterIndex { kGamma = 0, kBeta = 1, kMovingMean = 2, kMovingVariance = 3 };

class BatchNormStep final : public Step {
 public:
  BatchNormStep(Compiler& compiler, const LayerRef& ref, const Value& input, const Value& output,
                const Tail& tail)
      : element_(compiler.element()),
        training_(compiler.training()),
        samples_(compiler.samples()),
        channels_(input.shape.channels),
        epsilon_(std::get<BatchNorm>(ref.layer.operation).epsilon),
        activation_(tail.activation),
        own_derivative_(tail.own_derivative()),
        count_(compiler.count(input)) {
    const ParameterStore& store = compiler.store();
    gamma_ = store.master(ref.index, kGamma);
    beta_ = store.master(ref.index, kBeta);
    moving_ = {store.moving(ref.index, kMovingMean), store.moving(ref.index, kMovingVariance), epsilon_,
               nullptr, nullptr};
    x_ = compiler.use(input.data, Phase::forward);
    y_ = output.data;
    mean_ = compiler.use(compiler.floats(static_cast<std::size_t>(channels_)), Phase::forward);
    inverse_deviation_ = compiler.use(compiler.floats(static_cast<std::size_t>(channels_)), Phase::forward);
    if (training_) place_training(compiler, ref, input, output);
  }

  void forward(const ShardContext& context) override;
  void backward(const ShardContext& context) override;

 private:
  void place_training(Compiler& compiler, const LayerRef& ref, const Value& input, const Value& output);
  ChannelStatistics statistics(const ShardContext& context) const {
    return {context.floats(mean_), context.floats(inverse_deviation_), gamma_, beta_,
            static_cast<std::int32_t>(channels_)};
  }

  Element element_;
  bool training_;
  std::int64_t samples_, channels_;
  float epsilon_;
  Activation activation_, own_derivative_;
  std::int64_t count_;
  const float* gamma_ = nullptr;
  const float* beta_ = nullptr;
  MovingStatisticsBody moving_{};
  BufferId x_ = kNoBuffer, y_ = kNoBuffer, dx_ = kNoBuffer, dy_ = kNoBuffer;
  BufferId mean_ = kNoBuffer, inverse_deviation_ = kNoBuffer;
  BufferId forward_partials_ = kNoBuffer, backward_partials_ = kNoBuffer;
  ColumnPlan columns_;
  std::size_t dgamma_ = 0, dbeta_ = 0, mean_sum_ = 0, variance_sum_ = 0;  // in the gradient buffer
};

void BatchNormStep::place_training(Compiler& compiler, const LayerRef& ref, const Value& input,
                                   const Value& output) {
  const ParameterStore& store = compiler.store();
  dgamma_ = store.gradient(ref.index, kGamma);
  dbeta_ = store.gradient(ref.index, kBeta);
  mean_sum_ = store.gradient(ref.index, kMovingMean);
  variance_sum_ = store.gradient(ref.index, kMovingVariance);
  columns_ = plan_columns_of(count_ / channels_, channels_);
  const std::size_t bytes = columns_.partials(2) * sizeof(float);
  forward_partials_ = compiler.scratch(bytes, Phase::forward);
  backward_partials_ = compiler.scratch(bytes, Phase::backward);
  for (const BufferId kept : {x_, mean_, inverse_deviation_}) compiler.use(kept, Phase::backward);
  if (own_derivative_ != Activation::none) compiler.use(y_, Phase::backward);
  dy_ = output.gradient;
  if (input.wants_gradient()) dx_ = compiler.use(input.gradient, Phase::backward);
}

void BatchNormStep::forward(const ShardContext& context) {
  if (training_) {
    enqueue(StatisticsCall{element_, context.at(x_), static_cast<float>(samples_), epsilon_,
                           context.floats(mean_), context.floats(inverse_deviation_),
                           context.gradients + mean_sum_, context.gradients + variance_sum_, columns_,
                           context.floats(forward_partials_)},
            context.stream);
  } else {
    MovingStatisticsBody body = moving_;
    body.mean = context.floats(mean_);
    body.inverse_deviation = context.floats(inverse_deviation_);
    enqueue(MovingStatisticsCall{body, channels_}, context.stream);
  }
  enqueue(BatchNormForwardCall{element_, context.at(x_), context.at(y_), statistics(context), activation_,
                               count_},
          context.stream);
}

void BatchNormStep::backward(const ShardContext& context) {
  const void* y = own_derivative_ == Activation::none ? nullptr : context.at(y_);
  float* dgamma = context.gradients + dgamma_;
  float* dbeta = context.gradients + dbeta_;
  enqueue(BatchNormGradientCall{element_, context.at(x_), y, context.at(dy_), statistics(context),
                                own_derivative_, dgamma, dbeta, columns_, context.floats(backward_partials_)},
          context.stream);
  if (dx_ == kNoBuffer) return;
  enqueue(BatchNormBackwardCall{element_, context.at(x_), context.at(dy_), context.at(dx_),
                                statistics(context), dgamma, dbeta, count_ / channels_},
          context.stream);
}

class ResponseNormStep final : public Step {
 public:
  ResponseNormStep(Compiler& compiler, const LocalResponseNorm& norm, const Value& input, const Value& output)
      : element_(compiler.element()),
        count_(compiler.count(input)),
        shape_{.channels = static_cast<std::int32_t>(input.shape.channels),
               .reach = static_cast<std::int32_t>(norm.size / 2),
               .alpha = norm.alpha,
               .beta = norm.beta,
               .k = norm.k} {
    x_ = compiler.use(input.data, Phase::forward);
    y_ = output.data;
    if (!compiler.training() || !input.wants_gradient()) return;
    scale_ = compiler.use(compiler.floats(static_cast<std::size_t>(count_)), Phase::forward);
    compiler.use(scale_, Phase::backward);
    compiler.use(x_, Phase::backward);
    dx_ = compiler.use(input.gradient, Phase::backward);
    dy_ = output.gradient;
  }

  void forward(const ShardContext& context) override {
    float* scale = scale_ == kNoBuffer ? nullptr : context.floats(scale_);
    enqueue(ResponseNormForwardCall{element_, context.at(x_), context.at(y_), scale, shape_, count_},
            context.stream);
  }
  void backward(const ShardContext& context) override {
    if (dx_ == kNoBuffer) return;
    enqueue(ResponseNormBackwardCall{element_, context.at(x_), context.at(dy_), context.floats(scale_),
                                     context.at(dx_), shape_, count_},
            context.stream);
  }

 private:
  Element element_;
  std::int64_t count_;
  ResponseNormShape shape_;
  BufferId x_ = kNoBuffer, y_ = kNoBuffer, dx_ = kNoBuffer, dy_ = kNoBuffer, scale_ = kNoBuffer;
};

}  // namespace

Lowered make_batch_norm(Compiler& compiler, const LayerRef& ref, const Value& input, const Tail& tail) {
  Value output =
      compiler.output(ref, compiler.element(), Gradient::yes);  // gamma and beta always want a gradient
  output.pending = tail.left_to_reader;
  return {std::make_unique<BatchNormStep>(compiler, ref, input, output, tail), output};
}

Lowered make_local_response_norm(Compiler& compiler, const LayerRef& ref, const Value& input) {
  const Value output = compiler.output(ref, compiler.element(), gradient_if(input.wants_gradient()));
  const auto& norm = std::get<LocalResponseNorm>(ref.layer.operation);
  return {std::make_unique<ResponseNormStep>(compiler, norm, input, output), output};
}

}  // namespace annulus::trainer::cuda
