// Batch norm with its activation, and local response norm.
#include "base/error.hpp"
#include "trainer/backend/cuda/kernels/normalisation_body.hpp"
#include "trainer/backend/cuda/steps/steps.hpp"

namespace annulus::trainer::cuda {
namespace {

// Parameters of a batch_norm layer, in the order of Layer::parameters.
enum ParameterIndex { kGamma = 0, kBeta = 1, kMovingMean = 2, kMovingVariance = 3 };

class BatchNormStep final : public Step {
 public:
  BatchNormStep(Compiler& compiler, const LayerRef& ref, const Value& input, const Value& output,
                const Tail& tail)
      : training_(compiler.training()),
        samples_(compiler.samples()),
        channels_(input.shape.channels),
        epsilon_(std::get<BatchNorm>(ref.layer.operation).epsilon),
        activation_(tail.activation),
        own_derivative_(tail.own_derivative()),
        count_(compiler.count(input)),
        packs_(packs_of(compiler.element(), channels_)) {
    const ParameterStore& store = compiler.store();
    gamma_ = store.master(ref.index, kGamma);
    beta_ = store.master(ref.index, kBeta);
    moving_mean_ = store.moving(ref.index, kMovingMean);
    moving_variance_ = store.moving(ref.index, kMovingVariance);
    x_ = compiler.use(input.data, Pass::forward);
    y_ = output.data;
    mean_ = compiler.use(compiler.floats(static_cast<std::size_t>(channels_)), Pass::forward);
    inverse_deviation_ = compiler.use(compiler.floats(static_cast<std::size_t>(channels_)), Pass::forward);
    if (training_) place_training(compiler, ref, input, output);
  }

  void forward(const ShardContext& context) override;
  void backward(const ShardContext& context) override;

 private:
  void place_training(Compiler& compiler, const LayerRef& ref, const Value& input, const Value& output);
  void find_statistics(const ShardContext& context) const;
  void take_moving_statistics(const ShardContext& context) const;
  void backward_parameters(const ShardContext& context) const;
  void backward_data(const ShardContext& context) const;
  ChannelStatistics statistics(const ShardContext& context) const {
    return {.mean = context.floats(mean_),
            .inverse_deviation = context.floats(inverse_deviation_),
            .gamma = gamma_,
            .beta = beta_,
            .channels = static_cast<std::int32_t>(channels_)};
  }

  bool training_;
  std::int64_t samples_, channels_;
  float epsilon_;
  Activation activation_, own_derivative_;
  std::int64_t count_;
  PackInstance packs_;
  const float* gamma_ = nullptr;
  const float* beta_ = nullptr;
  const float* moving_mean_ = nullptr;
  const float* moving_variance_ = nullptr;
  BufferId x_ = kNoBuffer, y_ = kNoBuffer, dx_ = kNoBuffer, dy_ = kNoBuffer;
  BufferId mean_ = kNoBuffer, inverse_deviation_ = kNoBuffer;
  BufferId forward_partials_ = kNoBuffer, backward_partials_ = kNoBuffer;
  ColumnPlan columns_;
  QuadInstance column_packs_;
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
  column_packs_ = quads_of(compiler.element(), columns_.pack);
  const std::size_t bytes = columns_.partials(2) * sizeof(float);
  forward_partials_ = compiler.scratch(bytes, Pass::forward);
  backward_partials_ = compiler.scratch(bytes, Pass::backward);
  for (const BufferId kept : {x_, mean_, inverse_deviation_}) compiler.use(kept, Pass::backward);
  if (own_derivative_ != Activation::none) compiler.use(y_, Pass::backward);
  dy_ = output.gradient;
  if (input.wants_gradient()) dx_ = compiler.use(input.gradient, Pass::backward);
}

void BatchNormStep::find_statistics(const ShardContext& context) const {
  enqueue(context.stream, column_packs_, [&]<class T, int P>(Instance<T, P>) {
    return StatisticsBody<T, P>{.x = context.at<T>(x_),
                                .samples = static_cast<float>(samples_),
                                .epsilon = epsilon_,
                                .mean = context.floats(mean_),
                                .inverse_deviation = context.floats(inverse_deviation_),
                                .mean_sum = context.gradients + mean_sum_,
                                .variance_sum = context.gradients + variance_sum_,
                                .plan = columns_,
                                .partials = context.floats(forward_partials_)};
  });
}

void BatchNormStep::take_moving_statistics(const ShardContext& context) const {
  enqueue(context.stream, MovingStatisticsBody{.moving_mean = moving_mean_,
                                               .moving_variance = moving_variance_,
                                               .epsilon = epsilon_,
                                               .mean = context.floats(mean_),
                                               .inverse_deviation = context.floats(inverse_deviation_),
                                               .channels = channels_});
}

void BatchNormStep::forward(const ShardContext& context) {
  if (training_)
    find_statistics(context);
  else
    take_moving_statistics(context);
  enqueue(context.stream, packs_, [&]<class T, int P>(Instance<T, P>) {
    return BatchNormForwardBody<T, P>{.x = context.at<T>(x_),
                                      .y = context.at<T>(y_),
                                      .of = statistics(context),
                                      .kind = activation_,
                                      .elements = count_};
  });
}

void BatchNormStep::backward(const ShardContext& context) {
  backward_parameters(context);
  if (dx_ != kNoBuffer) backward_data(context);
}

/// Also takes the derivative of the activation, in place.
void BatchNormStep::backward_parameters(const ShardContext& context) const {
  enqueue(context.stream, column_packs_, [&]<class T, int P>(Instance<T, P>) {
    return BatchNormGradientBody<T, P>{.x = context.at<T>(x_),
                                       .y = own_derivative_ == Activation::none ? nullptr : context.at<T>(y_),
                                       .dy = context.at<T>(dy_),
                                       .of = statistics(context),
                                       .kind = own_derivative_,
                                       .dgamma = context.gradients + dgamma_,
                                       .dbeta = context.gradients + dbeta_,
                                       .plan = columns_,
                                       .partials = context.floats(backward_partials_)};
  });
}

void BatchNormStep::backward_data(const ShardContext& context) const {
  enqueue(context.stream, packs_, [&]<class T, int P>(Instance<T, P>) {
    return BatchNormBackwardBody<T, P>{.x = context.at<T>(x_),
                                       .dy = context.at<T>(dy_),
                                       .dx = context.at<T>(dx_),
                                       .of = statistics(context),
                                       .dgamma = context.gradients + dgamma_,
                                       .dbeta = context.gradients + dbeta_,
                                       .rows = static_cast<float>(count_ / channels_),
                                       .elements = count_};
  });
}

class ResponseNormStep final : public Step {
 public:
  ResponseNormStep(Compiler& compiler, const LocalResponseNorm& norm, const Value& input, const Value& output)
      : instance_(elements_of(compiler.element())),
        count_(compiler.count(input)),
        shape_{.channels = static_cast<std::int32_t>(input.shape.channels),
               .reach = static_cast<std::int32_t>(norm.size / 2),
               .alpha = norm.alpha,
               .beta = norm.beta,
               .k = norm.k} {
    x_ = compiler.use(input.data, Pass::forward);
    y_ = output.data;
    if (!compiler.training() || !input.wants_gradient()) return;
    scale_ = compiler.use(compiler.floats(static_cast<std::size_t>(count_)), Pass::forward);
    compiler.use(scale_, Pass::backward);
    terms_ = compiler.scratch(static_cast<std::size_t>(count_) * sizeof(float), Pass::backward);
    compiler.use(x_, Pass::backward);
    dx_ = compiler.use(input.gradient, Pass::backward);
    dy_ = output.gradient;
  }

  void forward(const ShardContext& context) override {
    enqueue(context.stream, instance_, [&]<class T>(Instance<T>) {
      return ResponseNormForwardBody<T>{.x = context.at<T>(x_),
                                        .y = context.at<T>(y_),
                                        .scale = scale_ == kNoBuffer ? nullptr : context.floats(scale_),
                                        .shape = shape_,
                                        .elements = count_};
    });
  }
  void backward(const ShardContext& context) override {
    if (dx_ == kNoBuffer) return;
    enqueue(context.stream, instance_, [&]<class T>(Instance<T>) {
      return ResponseNormTermsBody<T>{.x = context.at<T>(x_),
                                      .dy = context.at<T>(dy_),
                                      .scale = context.floats(scale_),
                                      .terms = context.floats(terms_),
                                      .shape = shape_,
                                      .elements = count_};
    });
    enqueue(context.stream, instance_, [&]<class T>(Instance<T>) {
      return ResponseNormBackwardBody<T>{.x = context.at<T>(x_),
                                         .dy = context.at<T>(dy_),
                                         .scale = context.floats(scale_),
                                         .terms = context.floats(terms_),
                                         .dx = context.at<T>(dx_),
                                         .shape = shape_,
                                         .elements = count_};
    });
  }

 private:
  ElementInstance instance_;
  std::int64_t count_;
  ResponseNormShape shape_;
  BufferId x_ = kNoBuffer, y_ = kNoBuffer, dx_ = kNoBuffer, dy_ = kNoBuffer, scale_ = kNoBuffer;
  BufferId terms_ = kNoBuffer;
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
