// Kernels of the reducer, enqueued.
#pragma once

#include <cuda_runtime_api.h>

#include "comm/cuda/add_body.hpp"
#include "comm/cuda/note_body.hpp"
#include "comm/cuda/pairwise_body.hpp"

namespace annulus::comm {

/// Enqueues body(i) for i in [0, body.indices()), for the bodies below. Allocates nothing and may be
/// captured. @throws RuntimeError when the launch fails
template <class Body>
void enqueue(cudaStream_t stream, const Body& body);

/// Whether this program's kernels were compiled for the current device, or can be from PTX.
bool has_code_for_current_device();

}  // namespace annulus::comm

/// Every kernel of the reducer, one line per kernel. Who expands the list has defined enqueue(): the .cu file
/// for the GPU, the tests' emulation for the host.
#define ANNULUS_REDUCTION_KERNELS                               \
  template void enqueue(cudaStream_t, const AddBody&);          \
  template void enqueue(cudaStream_t, const PairwiseBody<2>&);  \
  template void enqueue(cudaStream_t, const PairwiseBody<4>&);  \
  template void enqueue(cudaStream_t, const PairwiseBody<8>&);  \
  template void enqueue(cudaStream_t, const PairwiseBody<16>&); \
  template void enqueue(cudaStream_t, const NoteBody&);
