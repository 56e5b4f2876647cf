// Bias gradients, batch norm and local response norm as instances of their bodies.
#pragma once

#include "trainer/backend/cuda/kernels/dispatch.hpp"

namespace annulus::trainer::cuda {

/// An executor has for_each(count, body), which calls body(i) for i in [0, count) in no order, and
/// column_sums(plan, terms, finish, partials), see column_sums.hpp.

template <class Body>
void with_column_packs(Element element, const ColumnPlan& plan, const Body& body) {
  with_element(element, [&]<class T>(TypeTag<T> type) {
    if (plan.pack == kColumnPack)
      body(type, PackTag<kColumnPack>{});
    else
      body(type, PackTag<1>{});
  });
}

template <class Executor>
void apply(const BiasGradientCall& call, const Executor& executor) {
  with_column_packs(call.element, call.plan, [&]<class T, int P>(TypeTag<T>, PackTag<P>) {
    const BiasGradientTerms<T, P> terms{as<T>(call.dy), as<T>(call.y), call.plan.columns, call.kind};
    executor.column_sums(call.plan, terms, BiasGradientFinish{call.gradient}, call.partials);
  });
}

template <class Executor>
void apply(const StatisticsCall& call, const Executor& executor) {
  with_column_packs(call.element, call.plan, [&]<class T, int P>(TypeTag<T>, PackTag<P>) {
    const StatisticsTerms<T, P> terms{as<T>(call.x), call.plan.columns};
    const StatisticsFinish<T> finish{as<T>(call.x), call.plan.rows,         call.samples,  call.epsilon,
                                     call.mean,     call.inverse_deviation, call.mean_sum, call.variance_sum};
    executor.column_sums(call.plan, terms, finish, call.partials);
  });
}

template <class Executor>
void apply(const MovingStatisticsCall& call, const Executor& executor) {
  executor.for_each(call.channels, call.body);
}

template <class Executor>
void apply(const BatchNormForwardCall& call, const Executor& executor) {
  with_packs(call.element, call.of.channels, [&]<class T, int P>(TypeTag<T>, PackTag<P>) {
    const BatchNormForwardBody<T, P> body{as<T>(call.x), as<T>(call.y), call.of, call.kind};
    executor.for_each(call.count / P, body);
  });
}

template <class Executor>
void apply(const BatchNormGradientCall& call, const Executor& executor) {
  with_column_packs(call.element, call.plan, [&]<class T, int P>(TypeTag<T>, PackTag<P>) {
    const BatchNormGradientTerms<T, P> terms{as<T>(call.x), as<T>(call.y), as<T>(call.dy), call.of,
                                             call.kind};
    executor.column_sums(call.plan, terms, BatchNormGradientFinish{call.dgamma, call.dbeta}, call.partials);
  });
}

template <class Executor>
void apply(const BatchNormBackwardCall& call, const Executor& executor) {
  with_packs(call.element, call.of.channels, [&]<class T, int P>(TypeTag<T>, PackTag<P>) {
    const BatchNormBackwardBody<T, P> body{as<T>(call.x),
                                           as<T>(call.dy),
                                           as<T>(call.dx),
                                           call.of,
                                           call.dgamma,
                                           call.dbeta,
                                           static_cast<float>(call.rows)};
    executor.for_each(call.rows * call.of.channels / P, body);
  });
}

template <class Executor>
void apply(const ResponseNormForwardCall& call, const Executor& executor) {
  with_element(call.element, [&]<class T>(TypeTag<T>) {
    const ResponseNormForwardBody<T> body{as<T>(call.x), as<T>(call.y), call.scale, call.shape};
    executor.for_each(call.count, body);
  });
}

template <class Executor>
void apply(const ResponseNormBackwardCall& call, const Executor& executor) {
  with_element(call.element, [&]<class T>(TypeTag<T>) {
    const ResponseNormBackwardBody<T> body{as<T>(call.x), as<T>(call.dy), call.scale, as<T>(call.dx),
                                           call.shape};
    executor.for_each(call.count, body);
  });
}

}  // namespace annulus::trainer::cuda
