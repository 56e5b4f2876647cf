// Runs bodies on the GPU.
#pragma once

#include "comm/cuda/for_each.cuh"

namespace annulus::trainer::cuda {

struct DeviceExecutor {
  cudaStream_t stream;

  template <class Body>
  void for_each(std::int64_t count, const Body& body) const {
    comm::for_each_index(count, body, stream);
  }
};

}  // namespace annulus::trainer::cuda
