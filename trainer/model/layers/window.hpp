// Output sizes of sliding windows (convolution and pooling): (W - F + 2P) / S + 1, rounded down as Keras and
// PyTorch do, or with help when that has to come out whole and does not.
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

struct LayerContext;

/// Number of window positions, rounded down.
/// @throws UsageError suggesting padding or stride when the window does not fit, or, showing the arithmetic,
/// when the size is not whole and the context refuses that
std::int64_t window_positions(const WindowAxis& window, const LayerContext& context);

/// Pixels of the input, and zeros of the padding behind them, that no window reaches.
struct AxisRest {
  std::int64_t pixels = 0;
  std::int64_t zeros = 0;
};
AxisRest left_over(const WindowAxis& window, std::int64_t positions);

/// Sets the padding as Keras' "same" does. @return ceil(input / stride), the number of positions
std::int64_t pad_same(WindowAxis& window);

}  // namespace annulus::trainer
