// Calls that move values as instances of their bodies.
#pragma once

#include "trainer/backend/cuda/kernels/dispatch.hpp"

namespace annulus::trainer::cuda {

/// An executor has for_each(count, body), which calls body(i) for i in [0, count) in no order.

template <class Executor>
void apply(const CopyColumnsCall& call, const Executor& executor) {
  with_element(call.from_element, [&]<class From>(TypeTag<From>) {
    with_element(call.to_element, [&]<class To>(TypeTag<To>) {
      const CopyColumnsBody<From, To> body{as<From>(call.from), as<To>(call.to), call.source, call.target,
                                           call.columns};
      executor.for_each(call.rows * call.columns, body);
    });
  });
}

template <class Executor>
void apply(const GatherRowsCall& call, const Executor& executor) {
  executor.for_each(call.rows * call.body.length, call.body);
}

template <class Executor>
void apply(const WrapCall& call, const Executor& executor) {
  const std::int64_t pixels = call.samples * call.frame.outer_height * call.frame.outer_width;
  with_packs(call.element, call.frame.channels, [&]<class T, int P>(TypeTag<T>, PackTag<P>) {
    const WrapBody<T, P> body{as<T>(call.inner), as<T>(call.outer), call.frame};
    executor.for_each(pixels * call.frame.channels / P, body);
  });
}

template <class Executor>
void apply(const UnwrapCall& call, const Executor& executor) {
  const std::int64_t pixels = call.samples * call.frame.height * call.frame.width;
  with_packs(call.element, call.frame.channels, [&]<class T, int P>(TypeTag<T>, PackTag<P>) {
    const UnwrapBody<T, P> body{as<T>(call.outer), as<T>(call.inner), call.frame};
    executor.for_each(pixels * call.frame.channels / P, body);
  });
}

}  // namespace annulus::trainer::cuda
