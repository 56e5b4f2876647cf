// Spreads bodies over the GPU. Explicit instances of enqueue() come from kernel_list.hpp.
#pragma once

#include "comm/cuda/for_each.cuh"
#include "trainer/backend/cuda/kernels/enqueue.hpp"
#include "trainer/backend/cuda/kernels/kernel_list.hpp"

namespace annulus::trainer::cuda {

/// The usual shape: body(i) for i in [0, body.indices()), in no order. Other shapes have a spread() of their
/// own beside their kernels.
template <class Body>
requires requires(const Body& body) { body.indices(); }
void spread(cudaStream_t stream, const Body& body) { comm::for_each_index(stream, body); }

template <class Body>
void enqueue(cudaStream_t stream, const Body& body) {
  spread(stream, body);
}

}  // namespace annulus::trainer::cuda
