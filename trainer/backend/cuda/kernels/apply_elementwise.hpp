// Elementwise calls as instances of their bodies.
#pragma once

#include "trainer/backend/cuda/kernels/dispatch.hpp"

namespace annulus::trainer::cuda {

/// An executor has for_each(count, body), which calls body(i) for i in [0, count) in no order.

template <class Executor>
void apply(const ActivationCall& call, const Executor& executor) {
  with_packs(call.element, call.count, [&]<class T, int P>(TypeTag<T>, PackTag<P>) {
    executor.for_each(call.count / P, ActivationBody<T, P>{as<T>(call.x), as<T>(call.y), call.kind});
  });
}

template <class Executor>
void apply(const DerivativeCall& call, const Executor& executor) {
  with_packs(call.element, call.count, [&]<class T, int P>(TypeTag<T>, PackTag<P>) {
    const DerivativeBody<T, P> body{as<T>(call.y), as<T>(call.dy), as<T>(call.dx), call.kind};
    executor.for_each(call.count / P, body);
  });
}

template <class Executor>
void apply(const BiasActivationCall& call, const Executor& executor) {
  with_packs(call.element, call.channels, [&]<class T, int P>(TypeTag<T>, PackTag<P>) {
    const BiasActivationBody<T, P> body{as<T>(call.y), as<T>(call.bias), call.channels, call.kind};
    executor.for_each(call.count / P, body);
  });
}

template <class Executor>
void apply(const SumCall& call, const Executor& executor) {
  with_packs(call.element, call.count, [&]<class T, int P>(TypeTag<T>, PackTag<P>) {
    SumBody<T, P> body{{}, call.terms_count, as<T>(call.y), call.kind};
    for (int i = 0; i < call.terms_count; ++i) body.terms[i] = as<T>(call.terms[i]);
    executor.for_each(call.count / P, body);
  });
}

template <class Executor>
void apply(const ConvertCall& call, const Executor& executor) {
  with_element(call.from_element, [&]<class From>(TypeTag<From>) {
    with_element(call.to_element, [&]<class To>(TypeTag<To>) {
      executor.for_each(call.count, ConvertBody<From, To>{as<From>(call.from), as<To>(call.to)});
    });
  });
}

template <class Executor>
void apply(const PadCall& call, const Executor& executor) {
  const std::int64_t pixels = call.samples * call.frame.outer_height * call.frame.outer_width;
  with_packs(call.element, call.frame.channels, [&]<class T, int P>(TypeTag<T>, PackTag<P>) {
    const PadBody<T, P> body{as<T>(call.inner), as<T>(call.outer), call.frame};
    executor.for_each(pixels * call.frame.channels / P, body);
  });
}

template <class Executor>
void apply(const CropCall& call, const Executor& executor) {
  const std::int64_t pixels = call.samples * call.frame.height * call.frame.width;
  with_packs(call.element, call.frame.channels, [&]<class T, int P>(TypeTag<T>, PackTag<P>) {
    const CropBody<T, P> body{as<T>(call.outer), as<T>(call.inner), call.frame};
    executor.for_each(pixels * call.frame.channels / P, body);
  });
}

template <class Executor>
void apply(const ZeroCall& call, const Executor& executor) {
  executor.for_each(call.count, ZeroBody{call.target, call.places});
}

template <class Executor>
void apply(const DropoutCall& call, const Executor& executor) {
  const std::int64_t blocks = call.samples_count * ((call.sample_size + 3) / 4);
  const auto size = static_cast<std::uint32_t>(call.sample_size);
  with_element(call.element, [&]<class T>(TypeTag<T>) {
    const auto launch = [&]<int P>(PackTag<P>) {
      const DropoutBody<T, P> body{
          as<T>(call.from), as<T>(call.to), as<T>(call.gate), call.samples, call.scalars, call.mask, size};
      executor.for_each(blocks, body);
    };
    if (call.sample_size % 4 == 0)
      launch(PackTag<4>{});
    else
      launch(PackTag<1>{});
  });
}

}  // namespace annulus::trainer::cuda
