// Four neighbouring floats that a thread of the GPU moves in one access of 16 bytes. No CUDA in here.
#pragma once

#include <cstdint>

#include "base/host_device.hpp"

namespace annulus::comm {

struct alignas(16) Quad {
  float values[4];
};

/// Whether quads may be read and written at all of these places.
template <class... At>
ANNULUS_DEVICE inline bool quads_fit(const At*... at) {
  return ((reinterpret_cast<std::uintptr_t>(at) | ...) & 15) == 0;
}

/// @pre quads_fit(at)
ANNULUS_DEVICE inline Quad load_quad(const float* at) { return *reinterpret_cast<const Quad*>(at); }
ANNULUS_DEVICE inline void store_quad(float* at, const Quad& quad) { *reinterpret_cast<Quad*>(at) = quad; }

/// Quads that cover so many floats, the last one perhaps in part.
ANNULUS_DEVICE inline std::int64_t quads_of_floats(std::int64_t count) { return (count + 3) / 4; }

}  // namespace annulus::comm
