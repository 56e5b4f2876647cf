// Pooling and the plain convolutions as instances of their bodies.
#pragma once

#include "trainer/backend/cuda/kernels/dispatch.hpp"

namespace annulus::trainer::cuda {

/// An executor has for_each(count, body), which calls body(i) for i in [0, count) in no order.

inline std::int64_t inputs_of(const PoolShape& shape, std::int64_t samples) {
  return samples * shape.height * shape.width * shape.channels;
}
inline std::int64_t outputs_of(const PoolShape& shape, std::int64_t samples) {
  return samples * shape.out_height * shape.out_width * shape.channels;
}

template <class Executor>
void apply(const MaxPoolForwardCall& call, const Executor& executor) {
  with_packs(call.element, call.shape.channels, [&]<class T, int P>(TypeTag<T>, PackTag<P>) {
    const MaxPoolForwardBody<T, P> body{as<T>(call.x), as<T>(call.y), call.winners, call.shape, call.relu};
    executor.for_each(outputs_of(call.shape, call.samples) / P, body);
  });
}

template <class Executor>
void apply(const MaxPoolBackwardCall& call, const Executor& executor) {
  with_packs(call.element, call.shape.channels, [&]<class T, int P>(TypeTag<T>, PackTag<P>) {
    const MaxPoolBackwardBody<T, P> body{as<T>(call.dy), call.winners, as<T>(call.dx), call.shape};
    executor.for_each(inputs_of(call.shape, call.samples) / P, body);
  });
}

template <class Executor>
void apply(const AveragePoolForwardCall& call, const Executor& executor) {
  with_packs(call.element, call.shape.channels, [&]<class T, int P>(TypeTag<T>, PackTag<P>) {
    const AveragePoolForwardBody<T, P> body{as<T>(call.x), as<T>(call.y), call.shape};
    executor.for_each(outputs_of(call.shape, call.samples) / P, body);
  });
}

template <class Executor>
void apply(const AveragePoolBackwardCall& call, const Executor& executor) {
  with_packs(call.element, call.shape.channels, [&]<class T, int P>(TypeTag<T>, PackTag<P>) {
    const AveragePoolBackwardBody<T, P> body{as<T>(call.dy), as<T>(call.dx), call.shape};
    executor.for_each(inputs_of(call.shape, call.samples) / P, body);
  });
}

template <class Executor>
void apply(const ConvolutionForwardCall& call, const Executor& executor) {
  with_element(call.element, [&]<class T>(TypeTag<T>) {
    const ConvolutionForwardBody<T> body{as<T>(call.x), as<T>(call.kernel), as<T>(call.y), call.shape};
    executor.for_each(call.shape.output_size(), body);
  });
}

template <class Executor>
void apply(const ConvolutionDataCall& call, const Executor& executor) {
  with_element(call.element, [&]<class T>(TypeTag<T>) {
    const ConvolutionDataBody<T> body{as<T>(call.dy), as<T>(call.kernel), as<T>(call.dx), call.shape};
    executor.for_each(call.shape.input_size(), body);
  });
}

template <class Executor>
void apply(const ConvolutionKernelCall& call, const Executor& executor) {
  with_element(call.element, [&]<class T>(TypeTag<T>) {
    const ConvolutionKernelBody<T> body{as<T>(call.x), as<T>(call.dy), as<T>(call.dkernel), call.shape};
    executor.for_each(call.shape.kernel_size(), body);
  });
}

}  // namespace annulus::trainer::cuda
