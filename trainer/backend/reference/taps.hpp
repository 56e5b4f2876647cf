// The geometry that convolution and pooling share: which input pixels an output pixel sees.
#pragma once

#include <cstdint>

#include "base/shape.hpp"
#include "trainer/model/network.hpp"

namespace annulus::trainer::reference {

/// A window that slides over an image.
struct Window {
  Size2 size;
  Size2 stride;
  Size2 dilation;
  Padding padding;
};

/// One weight of a window at one of its positions; pixels are numbered row by row within a sample.
struct Tap {
  std::int64_t output_pixel = 0;
  std::int64_t input_pixel = 0;
  std::int64_t number = 0;  ///< of the weight in the window, row by row
};

/// Calls body(tap) for every tap that lies inside the image: output pixels in order, and for each of them its
/// taps in order.
template <class Body>
void for_each_tap(const Window& window, const SampleShape& input, const SampleShape& output,
                  const Body& body) {
  const std::int64_t taps = window.size.height * window.size.width;
  for (std::int64_t pixel = 0; pixel < output.height * output.width; ++pixel) {
    const std::int64_t top = pixel / output.width * window.stride.height - window.padding.top;
    const std::int64_t left = pixel % output.width * window.stride.width - window.padding.left;
    for (std::int64_t tap = 0; tap < taps; ++tap) {
      const std::int64_t y = top + tap / window.size.width * window.dilation.height;
      const std::int64_t x = left + tap % window.size.width * window.dilation.width;
      if (y < 0 || y >= input.height || x < 0 || x >= input.width) continue;
      body(Tap{.output_pixel = pixel, .input_pixel = y * input.width + x, .number = tap});
    }
  }
}

}  // namespace annulus::trainer::reference
