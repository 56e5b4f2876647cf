// One kernel for both where there is a bias: dy is read once.
#include "trainer/backend/cuda/steps/bias_gradient.hpp"

#include "trainer/backend/cuda/kernels/normalisation_body.hpp"

namespace annulus::trainer::cuda {

BiasGradient::BiasGradient(Compiler& compiler, const LayerRef& ref, const Value& output,
                           const BiasGradientOptions& options)
    : options_(options),
      elements_(compiler.count(output)),
      dy_(output.gradient),
      packs_(packs_of(compiler.element(), elements_)) {
  if (options_.own_derivative != Activation::none) y_ = compiler.use(output.data, Pass::backward);
  if (!options_.bias) return;
  const auto length = ref.layer.parameters[static_cast<std::size_t>(options_.parameter)].extents[0];
  gradient_ = compiler.store().gradient(ref.index, options_.parameter);
  columns_ = plan_columns_of(elements_ / length, length);
  column_packs_ = quads_of(compiler.element(), columns_.pack);
  partials_ = compiler.scratch(columns_.partials(1) * sizeof(float), Pass::backward);
}

void BiasGradient::enqueue(const ShardContext& context) const {
  if (options_.bias)
    enqueue_sums(context);
  else if (options_.own_derivative != Activation::none)
    enqueue_derivative(context);
}

void BiasGradient::enqueue_sums(const ShardContext& context) const {
  cuda::enqueue(context.stream, column_packs_, [&]<class T, int P>(Instance<T, P>) {
    return BiasGradientBody<T, P>{.dy = context.at<T>(dy_),
                                  .y = y_ == kNoBuffer ? nullptr : context.at<T>(y_),
                                  .kind = options_.own_derivative,
                                  .gradient = context.gradients + gradient_,
                                  .plan = columns_,
                                  .partials = context.floats(partials_)};
  });
}

void BiasGradient::enqueue_derivative(const ShardContext& context) const {
  cuda::enqueue(context.stream, packs_, [&]<class T, int P>(Instance<T, P>) {
    return DerivativeBody<T, P>{.y = context.at<T>(y_),
                                .dy = context.at<T>(dy_),
                                .dx = context.at<T>(dy_),
                                .elements = elements_,
                                .kind = options_.own_derivative};
  });
}

}  // namespace annulus::trainer::cuda
