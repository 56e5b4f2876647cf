// The loss, probabilities and the search for NaN as instances of their bodies.
#pragma once

#include "trainer/backend/cuda/kernels/dispatch.hpp"
#include "trainer/backend/cuda/kernels/loss_body.hpp"

namespace annulus::trainer::cuda {

/// An executor has loss(rows, call), softmax(rows, samples) and find_bad(values, call).

template <class Executor>
void apply(const LossCall& call, const Executor& executor) {
  with_element(call.logits_element, [&]<class L>(TypeTag<L>) {
    with_element(call.gradient_element, [&]<class T>(TypeTag<T>) {
      const LossRows<L, T> rows{as<L>(call.logits),   call.labels,  call.class_weights,
                                as<T>(call.gradient), call.classes, call.smoothing};
      executor.loss(rows, call);
    });
  });
}

template <class Executor>
void apply(const SoftmaxCall& call, const Executor& executor) {
  with_element(call.element, [&]<class L>(TypeTag<L>) {
    executor.softmax(SoftmaxRows<L>{as<L>(call.logits), call.probabilities, call.classes}, call.samples);
  });
}

template <class Executor>
void apply(const FindBadCall& call, const Executor& executor) {
  with_element(call.element, [&]<class T>(TypeTag<T>) { executor.find_bad(as<T>(call.values), call); });
}

}  // namespace annulus::trainer::cuda
