// The one addition of the reducer on the GPU, as comm/host/add.hpp is on the host.
#pragma once

#include <cstdint>

#include "base/host_device.hpp"

namespace annulus::comm {

/// sum[i] = left[i] + right[i]; `sum` may be `left` or `right`.
struct AddBody {
  float* sum;
  const float* left;
  const float* right;
  std::int64_t count;

  ANNULUS_DEVICE std::int64_t indices() const { return count; }
  ANNULUS_DEVICE void operator()(std::int64_t i) const { sum[i] = left[i] + right[i]; }
};

}  // namespace annulus::comm
