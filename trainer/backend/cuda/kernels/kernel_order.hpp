// Convolution kernels between Keras' order (kh, kw, Cin / groups, filters) and the device's (filters, kh, kw,
// Cin / groups). Plain.
#pragma once

#include <cstddef>

#include "base/shape.hpp"

namespace annulus::trainer::cuda {

/// Calls body(place in Keras' order, place on the device) for every weight.
/// @param extents  (kh, kw, Cin / groups, filters)
template <class Body>
void for_each_weight(const Extents& extents, const Body& body) {
  const auto filters = static_cast<std::size_t>(extents[3]);
  const auto taps = static_cast<std::size_t>(extents[0] * extents[1] * extents[2]);
  for (std::size_t tap = 0; tap < taps; ++tap)
    for (std::size_t filter = 0; filter < filters; ++filter)
      body(tap * filters + filter, filter * taps + tap);
}

}  // namespace annulus::trainer::cuda
