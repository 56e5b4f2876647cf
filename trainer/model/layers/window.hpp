// Output sizes of sliding windows (convolution and pooling): (W - F + 2P) / S + 1, with help when that does
// not come out whole.
#pragma once

#include <cstdint>
#include <string>

namespace annulus::trainer {

/// A window sliding along one axis, all in pixels.
struct WindowAxis {
  std::string axis;        ///< "height" or "width", for messages
  std::int64_t input = 1;  ///< W
  std::int64_t span = 1;   ///< F: kernel or window extent, dilation included
  std::int64_t stride = 1;
  std::int64_t before = 0;  ///< padding at the top or left
  std::int64_t after = 0;   ///< padding at the bottom or right
};

/// Number of window positions. @param place  start of the message, e.g. "a.yaml:3: layer conv2d (conv2d)"
/// @throws UsageError showing the arithmetic and suggesting padding or stride when the window does not fit or
/// the size is not whole
std::int64_t window_positions(const WindowAxis& window, const std::string& place);

/// Sets the padding as Keras' "same" does. @return ceil(input / stride), the number of positions
std::int64_t pad_same(WindowAxis& window);

}  // namespace annulus::trainer
