// Kernels that treat each value, or a few neighbours, by themselves.
#include "trainer/backend/cuda/dispatch.cuh"

namespace annulus::trainer::cuda {

using comm::for_each_index;

void enqueue(const ActivationCall& call, cudaStream_t stream) {
  with_packs(call.element, call.count, [&]<class T, int P>(TypeTag<T>, PackTag<P>) {
    for_each_index(call.count / P, ActivationBody<T, P>{as<T>(call.x), as<T>(call.y), call.kind}, stream);
  });
}

void enqueue(const DerivativeCall& call, cudaStream_t stream) {
  with_packs(call.element, call.count, [&]<class T, int P>(TypeTag<T>, PackTag<P>) {
    const DerivativeBody<T, P> body{as<T>(call.y), as<T>(call.dy), as<T>(call.dx), call.kind};
    for_each_index(call.count / P, body, stream);
  });
}

void enqueue(const BiasActivationCall& call, cudaStream_t stream) {
  with_packs(call.element, call.channels, [&]<class T, int P>(TypeTag<T>, PackTag<P>) {
    const BiasActivationBody<T, P> body{as<T>(call.y), as<T>(call.bias), call.channels, call.kind};
    for_each_index(call.count / P, body, stream);
  });
}

void enqueue(const SumCall& call, cudaStream_t stream) {
  with_packs(call.element, call.count, [&]<class T, int P>(TypeTag<T>, PackTag<P>) {
    SumBody<T, P> body{{}, call.terms_count, as<T>(call.y), call.kind};
    for (int i = 0; i < call.terms_count; ++i) body.terms[i] = as<T>(call.terms[i]);
    for_each_index(call.count / P, body, stream);
  });
}

void enqueue(const ConvertCall& call, cudaStream_t stream) {
  with_element(call.from_element, [&]<class From>(TypeTag<From>) {
    with_element(call.to_element, [&]<class To>(TypeTag<To>) {
      for_each_index(call.count, ConvertBody<From, To>{as<From>(call.from), as<To>(call.to)}, stream);
    });
  });
}

void enqueue(const PadCall& call, cudaStream_t stream) {
  const std::int64_t pixels = call.samples * call.frame.outer_height * call.frame.outer_width;
  with_packs(call.element, call.frame.channels, [&]<class T, int P>(TypeTag<T>, PackTag<P>) {
    const PadBody<T, P> body{as<T>(call.inner), as<T>(call.outer), call.frame};
    for_each_index(pixels * call.frame.channels / P, body, stream);
  });
}

void enqueue(const CropCall& call, cudaStream_t stream) {
  const std::int64_t pixels = call.samples * call.frame.height * call.frame.width;
  with_packs(call.element, call.frame.channels, [&]<class T, int P>(TypeTag<T>, PackTag<P>) {
    const CropBody<T, P> body{as<T>(call.outer), as<T>(call.inner), call.frame};
    for_each_index(pixels * call.frame.channels / P, body, stream);
  });
}

void enqueue(const ZeroCall& call, cudaStream_t stream) {
  for_each_index(call.count, ZeroBody{call.target, call.places}, stream);
}

void enqueue(const DropoutCall& call, cudaStream_t stream) {
  const std::int64_t blocks = call.samples_count * ((call.sample_size + 3) / 4);
  const auto size = static_cast<std::uint32_t>(call.sample_size);
  with_element(call.element, [&]<class T>(TypeTag<T>) {
    const auto launch = [&]<int P>(PackTag<P>) {
      const DropoutBody<T, P> body{
          as<T>(call.from), as<T>(call.to), as<T>(call.gate), call.samples, call.scalars, call.mask, size};
      for_each_index(blocks, body, stream);
    };
    if (call.sample_size % 4 == 0)
      launch(PackTag<4>{});
    else
      launch(PackTag<1>{});
  });
}

}  // namespace annulus::trainer::cuda
