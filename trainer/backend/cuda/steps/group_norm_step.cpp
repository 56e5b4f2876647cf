// Group norm.
#include "trainer/backend/cuda/kernels/group_norm_body.hpp"
#include "trainer/backend/cuda/steps/steps.hpp"

namespace annulus::trainer::cuda {
namespace {

// Parameters of a group_norm layer, in the order of Layer::parameters.
enum ParameterIndex { kGamma = 0, kBeta = 1 };

class GroupNormStep final : public Step {
 public:
  GroupNormStep(Compiler& compiler, const LayerRef& ref, const Value& input, const Value& output,
                const GroupNorm& norm)
      : shape_{.samples = compiler.samples(),
               .pixels = static_cast<std::int32_t>(input.shape.height * input.shape.width),
               .channels = static_cast<std::int32_t>(input.shape.channels),
               .groups = static_cast<std::int32_t>(norm.groups)},
        epsilon_(norm.epsilon),
        elements_(elements_of(compiler.element())),
        packs_(packs_of(compiler.element(), input.shape.channels)),
        gamma_(compiler.store().master(ref.index, kGamma)),
        beta_(compiler.store().master(ref.index, kBeta)) {
    const auto groups = static_cast<std::size_t>(shape_.sample_groups());
    x_ = compiler.use(input.data, Pass::forward);
    y_ = output.data;
    mean_ = compiler.use(compiler.floats(groups), Pass::forward);
    inverse_deviation_ = compiler.use(compiler.floats(groups), Pass::forward);
    forward_sums_ = compiler.scratch(bytes_of_sums(), Pass::forward);
    if (compiler.training()) place_training(compiler, ref, input, output);
  }

  void forward(const ShardContext& context) override;
  void backward(const ShardContext& context) override;

 private:
  void place_training(Compiler& compiler, const LayerRef& ref, const Value& input, const Value& output);
  void backward_parameters(const ShardContext& context) const;
  void backward_data(const ShardContext& context) const;
  std::size_t bytes_of_sums() const {
    return 2 * static_cast<std::size_t>(shape_.sample_channels()) * sizeof(double);
  }
  GroupStatistics statistics(const ShardContext& context) const {
    return {.mean = context.floats(mean_),
            .inverse_deviation = context.floats(inverse_deviation_),
            .gamma = gamma_,
            .beta = beta_,
            .shape = shape_};
  }

  GroupShape shape_;
  float epsilon_;
  ElementInstance elements_;
  PackInstance packs_;
  const float* gamma_;
  const float* beta_;
  BufferId x_ = kNoBuffer, y_ = kNoBuffer, dx_ = kNoBuffer, dy_ = kNoBuffer;
  BufferId mean_ = kNoBuffer, inverse_deviation_ = kNoBuffer;
  BufferId forward_sums_ = kNoBuffer, backward_sums_ = kNoBuffer, means_ = kNoBuffer;
  std::size_t dgamma_ = 0, dbeta_ = 0;  // in the gradient buffer
};

void GroupNormStep::place_training(Compiler& compiler, const LayerRef& ref, const Value& input,
                                   const Value& output) {
  dgamma_ = compiler.store().gradient(ref.index, kGamma);
  dbeta_ = compiler.store().gradient(ref.index, kBeta);
  for (const BufferId kept : {x_, mean_, inverse_deviation_}) compiler.use(kept, Pass::backward);
  backward_sums_ = compiler.scratch(bytes_of_sums(), Pass::backward);
  dy_ = output.gradient;
  if (!input.wants_gradient()) return;
  means_ =
      compiler.scratch(2 * static_cast<std::size_t>(shape_.sample_groups()) * sizeof(float), Pass::backward);
  dx_ = compiler.use(input.gradient, Pass::backward);
}

void GroupNormStep::forward(const ShardContext& context) {
  enqueue(context.stream, elements_, [&]<class T>(Instance<T>) {
    return ChannelMomentsBody<T>{
        .x = context.at<T>(x_), .sums = context.at<double>(forward_sums_), .shape = shape_};
  });
  enqueue(context.stream, GroupStatisticsBody{.sums = context.at<double>(forward_sums_),
                                              .epsilon = epsilon_,
                                              .mean = context.floats(mean_),
                                              .inverse_deviation = context.floats(inverse_deviation_),
                                              .shape = shape_});
  enqueue(context.stream, packs_, [&]<class T, int P>(Instance<T, P>) {
    return GroupNormForwardBody<T, P>{
        .x = context.at<T>(x_), .y = context.at<T>(y_), .of = statistics(context)};
  });
}

void GroupNormStep::backward(const ShardContext& context) {
  backward_parameters(context);
  if (dx_ != kNoBuffer) backward_data(context);
}

void GroupNormStep::backward_parameters(const ShardContext& context) const {
  enqueue(context.stream, elements_, [&]<class T>(Instance<T>) {
    return ChannelGradientsBody<T>{.x = context.at<T>(x_),
                                   .dy = context.at<T>(dy_),
                                   .sums = context.at<double>(backward_sums_),
                                   .of = statistics(context)};
  });
  enqueue(context.stream, GroupNormGradientBody{.sums = context.at<double>(backward_sums_),
                                                .dgamma = context.gradients + dgamma_,
                                                .dbeta = context.gradients + dbeta_,
                                                .shape = shape_});
}

void GroupNormStep::backward_data(const ShardContext& context) const {
  enqueue(context.stream, GroupMeansBody{.sums = context.at<double>(backward_sums_),
                                         .gamma = gamma_,
                                         .means = context.floats(means_),
                                         .shape = shape_});
  enqueue(context.stream, packs_, [&]<class T, int P>(Instance<T, P>) {
    return GroupNormBackwardBody<T, P>{.x = context.at<T>(x_),
                                       .dy = context.at<T>(dy_),
                                       .dx = context.at<T>(dx_),
                                       .of = statistics(context),
                                       .means = context.floats(means_)};
  });
}

}  // namespace

Lowered make_group_norm(Compiler& compiler, const LayerRef& ref, const Value& input, const GroupNorm& norm) {
  // gamma and beta always want a gradient.
  const Value output = compiler.output(ref, compiler.element(), Gradient::yes);
  return {std::make_unique<GroupNormStep>(compiler, ref, input, output, norm), output};
}

}  // namespace annulus::trainer::cuda
