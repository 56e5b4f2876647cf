// The way from a body (what one thread of a kernel computes, *_body.hpp) to the GPU. A body is plain data,
// filled in by name where a step runs, and says itself how far its grid reaches. Kernels are templates over
// element types, so whoever plans a step chooses the instance once (instances.hpp).
#pragma once

#include "trainer/backend/cuda/kernels/instances.hpp"

/// As CUDA declares it, so that this header is plain.
typedef struct CUstream_st* cudaStream_t;

namespace annulus::trainer::cuda {

/// Enqueues a body of kernel_list.hpp; the file that the list stands for defines it, and the linker misses
/// what is not in the list. Allocates nothing and may be captured. @throws RuntimeError when a launch fails
template <class Body>
void enqueue(cudaStream_t stream, const Body& body);

/// Enqueues what `make` fills in for the instance chosen: make(Instance<T, P>{}) is a body.
template <class Chosen, class Make>
void enqueue(cudaStream_t stream, const Chosen& chosen, const Make& make) {
  with_instance(chosen, [&](auto instance) { enqueue(stream, make(instance)); });
}
/// Likewise with one instance of each.
template <class First, class Second, class Make>
void enqueue(cudaStream_t stream, const First& first, const Second& second, const Make& make) {
  with_instance(first, second, [&](auto one, auto other) { enqueue(stream, make(one, other)); });
}

/// enqueue as a function object, for sequences of bodies.
struct Enqueue {
  cudaStream_t stream;
  template <class Body>
  void operator()(const Body& body) const {
    enqueue(stream, body);
  }
};

}  // namespace annulus::trainer::cuda
