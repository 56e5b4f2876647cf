// Which window of a stored image a crop shows, and where its pixels lie: plain arithmetic in double, the same
// on every device (no library logarithm, exponential or root).
#pragma once

#include <cstdint>
#include <numbers>

#include "io/augmentation/draws.hpp"

namespace annulus::io::rules {

using Matrix = std::array<double, 6>;  // two rows of a 3 x 3 matrix whose last row is (0, 0, 1)

constexpr Matrix operator*(const Matrix& a, const Matrix& b) {
  return {a[0] * b[0] + a[1] * b[3], a[0] * b[1] + a[1] * b[4], a[0] * b[2] + a[1] * b[5] + a[2],
          a[3] * b[0] + a[4] * b[3], a[3] * b[1] + a[4] * b[4], a[3] * b[2] + a[4] * b[5] + a[5]};
}

/// Shape of what the generator makes.
constexpr SampleShape output_of(const AugmentationOptions& options, const SampleShape& shape) {
  if (options.crop == Crop::none) return shape;
  return {options.crop_height, options.crop_width, shape.channels, false};
}

/// A part of an image, in its pixels; the edge of the image is at 0.
struct Window {
  double row = 0;  ///< of its upper edge
  double column = 0;
  double height = 0;
  double width = 0;
};

/// exp(x) by its series at x / 16, squared four times. @pre |x| < 10: an error below 1e-14 of the value
constexpr double exponential(double x) {
  const double small = x / 16;
  double sum = 1;
  for (int n = 18; n >= 1; --n) sum = 1 + sum * small / n;
  for (int i = 0; i < 4; ++i) sum *= sum;
  return sum;
}

/// log(x) by the series of the area tangent in [3/4, 3/2). @pre x > 0
constexpr double logarithm(double x) {
  int twos = 0;
  for (; x >= 1.5; x /= 2) ++twos;
  for (; x < 0.75; x *= 2) --twos;
  const double z = (x - 1) / (x + 1);
  double sum = 0;
  for (int n = 12; n >= 0; --n) sum = sum * z * z + 1.0 / (2 * n + 1);
  return 2 * z * sum + twos * std::numbers::ln2;
}

/// By Newton's method from above, until it stands still. @pre x >= 0
constexpr double square_root(double x) {
  if (x == 0) return 0;
  double root = x > 1 ? x : 1;
  for (double next = (root + x / root) / 2; next < root; next = (root + x / root) / 2) root = next;
  return root;
}

/// Tries of a random resized crop to find a window that fits into the image, as torchvision's.
constexpr std::uint32_t kWindowTries = 10;

/// The largest window in the middle whose aspect ratio is allowed: for images that are much wider or higher.
constexpr Window fallback_window(const AugmentationOptions& options, const SampleShape& shape) {
  const auto height = static_cast<double>(shape.height), width = static_cast<double>(shape.width);
  Window window{0, 0, height, width};
  if (width / height < options.crop_ratio_low) window.height = floor_of(width / options.crop_ratio_low + 0.5);
  if (width / height > options.crop_ratio_high)
    window.width = floor_of(height * options.crop_ratio_high + 0.5);
  window.row = floor_of((height - window.height) / 2);
  window.column = floor_of((width - window.width) / 2);
  return window;
}

/// Area uniform, logarithm of the aspect ratio uniform, sides and place in whole pixels.
constexpr Window draw_resized_window(const AugmentationOptions& options, const SampleShape& shape,
                                     const Draws& draws) {
  const double area = static_cast<double>(shape.height) * static_cast<double>(shape.width);
  const double low = logarithm(options.crop_ratio_low), high = logarithm(options.crop_ratio_high);
  for (std::uint32_t attempt = 0; attempt < kWindowTries; ++attempt) {
    const auto words = draws.words(Slot::window_try, attempt);
    const double wanted = area * uniform(words[0], options.crop_scale_low, options.crop_scale_high);
    const double ratio = exponential(uniform(words[1], low, high));
    const std::int32_t width = floor_of(square_root(wanted * ratio) + 0.5);
    const std::int32_t height = floor_of(square_root(wanted / ratio) + 0.5);
    if (width < 1 || height < 1 || width > shape.width || height > shape.height) continue;
    return {static_cast<double>(below(words[2], shape.height - height + 1)),
            static_cast<double>(below(words[3], shape.width - width + 1)), static_cast<double>(height),
            static_cast<double>(width)};
  }
  return fallback_window(options, shape);
}

/// Pixels of the stored image to one of the image that a window of the output's size is cut out of.
constexpr double reduction_of(const AugmentationOptions& options, const SampleShape& shape) {
  if (options.crop_resize == 0) return 1;
  const std::int64_t shorter = shape.height < shape.width ? shape.height : shape.width;
  return static_cast<double>(shorter) / static_cast<double>(options.crop_resize);
}

/// A window of the output's size, in the middle or anywhere; in whole pixels where nothing is resized.
constexpr Window draw_window(const AugmentationOptions& options, const SampleShape& shape,
                             const Draws& draws) {
  if (options.crop == Crop::random_resized) return draw_resized_window(options, shape, draws);
  const double reduction = reduction_of(options, shape);
  Window window{.height = static_cast<double>(options.crop_height) * reduction,
                .width = static_cast<double>(options.crop_width) * reduction};
  const double rows = static_cast<double>(shape.height) - window.height;
  const double columns = static_cast<double>(shape.width) - window.width;
  if (options.crop == Crop::centre) {
    window.row = reduction == 1 ? floor_of(rows / 2) : rows / 2;
    window.column = reduction == 1 ? floor_of(columns / 2) : columns / 2;
    return window;
  }
  const auto words = draws.words(Slot::window);
  const bool whole = reduction == 1;
  window.row = whole ? below(words[0], static_cast<std::int64_t>(rows) + 1) : uniform(words[0], 0, rows);
  window.column =
      whole ? below(words[1], static_cast<std::int64_t>(columns) + 1) : uniform(words[1], 0, columns);
  return window;
}

/// Position in the image of a pixel of the output, which shows the window: centres of pixels lie half a pixel
/// behind their edges.
constexpr Matrix window_matrix(const Window& window, const AugmentationOptions& options) {
  const double rows = window.height / static_cast<double>(options.crop_height);
  const double columns = window.width / static_cast<double>(options.crop_width);
  return {rows, 0, window.row + (rows - 1) / 2, 0, columns, window.column + (columns - 1) / 2};
}

}  // namespace annulus::io::rules
