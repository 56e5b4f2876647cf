// One number written by the GPU for the host to read.
#pragma once

#include <cstdint>

#include "base/host_device.hpp"

namespace annulus::comm {

/// *place = value; `place` lies in pinned host memory.
struct NoteBody {
  int* place;
  int value;

  ANNULUS_DEVICE std::int64_t indices() const { return 1; }
  ANNULUS_DEVICE void operator()(std::int64_t) const { *place = value; }
};

}  // namespace annulus::comm
