// Pooling, and the plain convolutions.
#include "trainer/backend/cuda/dispatch.cuh"

namespace annulus::trainer::cuda {

using comm::for_each_index;

namespace {

std::int64_t inputs_of(const PoolShape& shape, std::int64_t samples) {
  return samples * shape.height * shape.width * shape.channels;
}
std::int64_t outputs_of(const PoolShape& shape, std::int64_t samples) {
  return samples * shape.out_height * shape.out_width * shape.channels;
}

}  // namespace

void enqueue(const MaxPoolForwardCall& call, cudaStream_t stream) {
  with_packs(call.element, call.shape.channels, [&]<class T, int P>(TypeTag<T>, PackTag<P>) {
    const MaxPoolForwardBody<T, P> body{as<T>(call.x), as<T>(call.y), call.winners, call.shape, call.relu};
    for_each_index(outputs_of(call.shape, call.samples) / P, body, stream);
  });
}

void enqueue(const MaxPoolBackwardCall& call, cudaStream_t stream) {
  with_packs(call.element, call.shape.channels, [&]<class T, int P>(TypeTag<T>, PackTag<P>) {
    const MaxPoolBackwardBody<T, P> body{as<T>(call.dy), call.winners, as<T>(call.dx), call.shape};
    for_each_index(inputs_of(call.shape, call.samples) / P, body, stream);
  });
}

void enqueue(const AveragePoolForwardCall& call, cudaStream_t stream) {
  with_packs(call.element, call.shape.channels, [&]<class T, int P>(TypeTag<T>, PackTag<P>) {
    const AveragePoolForwardBody<T, P> body{as<T>(call.x), as<T>(call.y), call.shape};
    for_each_index(outputs_of(call.shape, call.samples) / P, body, stream);
  });
}

void enqueue(const AveragePoolBackwardCall& call, cudaStream_t stream) {
  with_packs(call.element, call.shape.channels, [&]<class T, int P>(TypeTag<T>, PackTag<P>) {
    const AveragePoolBackwardBody<T, P> body{as<T>(call.dy), as<T>(call.dx), call.shape};
    for_each_index(inputs_of(call.shape, call.samples) / P, body, stream);
  });
}

void enqueue(const ConvolutionForwardCall& call, cudaStream_t stream) {
  with_element(call.element, [&]<class T>(TypeTag<T>) {
    const ConvolutionForwardBody<T> body{as<T>(call.x), as<T>(call.kernel), as<T>(call.y), call.shape};
    for_each_index(call.shape.output_size(), body, stream);
  });
}

void enqueue(const ConvolutionDataCall& call, cudaStream_t stream) {
  with_element(call.element, [&]<class T>(TypeTag<T>) {
    const ConvolutionDataBody<T> body{as<T>(call.dy), as<T>(call.kernel), as<T>(call.dx), call.shape};
    for_each_index(call.shape.input_size(), body, stream);
  });
}

void enqueue(const ConvolutionKernelCall& call, cudaStream_t stream) {
  with_element(call.element, [&]<class T>(TypeTag<T>) {
    const ConvolutionKernelBody<T> body{as<T>(call.x), as<T>(call.dy), as<T>(call.dkernel), call.shape};
    for_each_index(call.shape.kernel_size(), body, stream);
  });
}

}  // namespace annulus::trainer::cuda
