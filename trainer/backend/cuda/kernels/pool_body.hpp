// Pooling over windows that may overlap and hang over the border. Backward gathers: each input pixel adds up
// what the windows that contain it hand back, in one order, so that no two threads write to one place.
#pragma once

#include "trainer/backend/cuda/kernels/element.hpp"

namespace annulus::trainer::cuda {

/// All in pixels; images are (samples, height, width, channels).
struct PoolShape {
  std::int32_t height = 1, width = 1, channels = 1;
  std::int32_t out_height = 1, out_width = 1;
  std::int32_t size_y = 1, size_x = 1;
  std::int32_t stride_y = 1, stride_x = 1;
  std::int32_t top = 0, left = 0;  ///< padding

  ANNULUS_DEVICE std::int64_t input_size() const { return std::int64_t{1} * height * width * channels; }
  ANNULUS_DEVICE std::int64_t output_size() const {
    return std::int64_t{1} * out_height * out_width * channels;
  }
};

/// Pixels [begin, end) on one axis.
struct PixelRange {
  std::int32_t begin, end;
};

/// Input pixels inside the image that window `position` sees.
ANNULUS_DEVICE inline PixelRange taps_of(std::int32_t position, std::int32_t stride, std::int32_t before,
                                         std::int32_t size, std::int32_t extent) {
  const std::int32_t start = position * stride - before;
  const std::int32_t end = start + size;
  return {start < 0 ? 0 : start, end > extent ? extent : end};
}

/// Windows that contain input pixel `pixel`; `positions` of them exist.
ANNULUS_DEVICE inline PixelRange windows_of(std::int32_t pixel, std::int32_t stride, std::int32_t before,
                                            std::int32_t size, std::int32_t positions) {
  const std::int32_t shifted = pixel + before;
  const std::int32_t begin = shifted < size ? 0 : (shifted - size) / stride + 1;
  const std::int32_t end = shifted / stride + 1;
  return {begin, end > positions ? positions : end};
}

/// Stored for a window whose gradient goes nowhere: its maximum was cut off by the ReLU before it.
constexpr std::uint16_t kNoWinner = 0xFFFF;
/// Windows larger than this cannot number their taps.
constexpr std::int64_t kMostTaps = 0xFFFF;

enum class PendingRelu { no, yes };

/// Index: P channels of an output pixel. The first of equal maxima wins, in the order of rows.
template <class T, int P>
struct MaxPoolForwardBody {
  const T* x;
  T* y;
  std::uint16_t* winners;  ///< (samples, out_height, out_width, channels) tap numbers, or nullptr
  PoolShape shape;
  std::int64_t samples;
  PendingRelu relu;  ///< x is the output of a ReLU whose derivative backward takes here

  ANNULUS_DEVICE std::int64_t indices() const { return samples * shape.output_size() / P; }
  ANNULUS_DEVICE void operator()(std::int64_t i) const {
    auto number = static_cast<std::uint32_t>(i);
    const std::int32_t channel = split(number, shape.channels / P) * P;
    const std::int32_t out_x = split(number, shape.out_width);
    const std::int32_t out_y = split(number, shape.out_height);
    const PixelRange rows = taps_of(out_y, shape.stride_y, shape.top, shape.size_y, shape.height);
    const PixelRange columns = taps_of(out_x, shape.stride_x, shape.left, shape.size_x, shape.width);
    const std::int32_t first_row = out_y * shape.stride_y - shape.top;
    const std::int32_t first_column = out_x * shape.stride_x - shape.left;
    float best[P] = {};
    std::uint16_t winner[P] = {};
    bool started = false;
    for (std::int32_t row = rows.begin; row < rows.end; ++row)
      for (std::int32_t column = columns.begin; column < columns.end; ++column) {
        const std::int64_t line = static_cast<std::int64_t>(number) * shape.height + row;
        float values[P];
        load<P>(x + (line * shape.width + column) * shape.channels + channel, values);
        const auto tap =
            static_cast<std::uint16_t>((row - first_row) * shape.size_x + (column - first_column));
        for (int k = 0; k < P; ++k) {
          // NaN wins and stays, so that it shows.
          if (started && !(values[k] > best[k]) && values[k] == values[k]) continue;
          if (started && best[k] != best[k]) continue;
          best[k] = values[k];
          winner[k] = tap;
        }
        started = true;
      }
    store<P>(y + i * P, best);
    if (winners == nullptr) return;
    Pack<std::uint16_t, P> taps;
    for (int k = 0; k < P; ++k)
      taps.values[k] = relu == PendingRelu::yes && !(best[k] > 0) ? kNoWinner : winner[k];
    *reinterpret_cast<Pack<std::uint16_t, P>*>(winners + i * P) = taps;
  }
};

/// Index: P channels of an input pixel.
template <class T, int P>
struct MaxPoolBackwardBody {
  const T* dy;
  const std::uint16_t* winners;
  T* dx;
  PoolShape shape;
  std::int64_t samples;

  ANNULUS_DEVICE std::int64_t indices() const { return samples * shape.input_size() / P; }
  ANNULUS_DEVICE void operator()(std::int64_t i) const {
    auto number = static_cast<std::uint32_t>(i);
    const std::int32_t channel = split(number, shape.channels / P) * P;
    const std::int32_t column = split(number, shape.width);
    const std::int32_t row = split(number, shape.height);
    const PixelRange ys = windows_of(row, shape.stride_y, shape.top, shape.size_y, shape.out_height);
    const PixelRange xs = windows_of(column, shape.stride_x, shape.left, shape.size_x, shape.out_width);
    float sum[P] = {};
    for (std::int32_t out_y = ys.begin; out_y < ys.end; ++out_y)
      for (std::int32_t out_x = xs.begin; out_x < xs.end; ++out_x) {
        const std::int64_t line = static_cast<std::int64_t>(number) * shape.out_height + out_y;
        const std::int64_t at = (line * shape.out_width + out_x) * shape.channels + channel;
        const std::int32_t tap = (row - (out_y * shape.stride_y - shape.top)) * shape.size_x +
                                 (column - (out_x * shape.stride_x - shape.left));
        float values[P];
        load<P>(dy + at, values);
        const auto taps = *reinterpret_cast<const Pack<std::uint16_t, P>*>(winners + at);
        for (int k = 0; k < P; ++k)
          if (taps.values[k] == tap) sum[k] += values[k];
      }
    store<P>(dx + i * P, sum);
  }
};

/// The mean of the taps inside the image. Index: P channels of an output pixel.
template <class T, int P>
struct AveragePoolForwardBody {
  const T* x;
  T* y;
  PoolShape shape;
  std::int64_t samples;

  ANNULUS_DEVICE std::int64_t indices() const { return samples * shape.output_size() / P; }
  ANNULUS_DEVICE void operator()(std::int64_t i) const {
    auto number = static_cast<std::uint32_t>(i);
    const std::int32_t channel = split(number, shape.channels / P) * P;
    const std::int32_t out_x = split(number, shape.out_width);
    const std::int32_t out_y = split(number, shape.out_height);
    const PixelRange rows = taps_of(out_y, shape.stride_y, shape.top, shape.size_y, shape.height);
    const PixelRange columns = taps_of(out_x, shape.stride_x, shape.left, shape.size_x, shape.width);
    float sum[P] = {};
    for (std::int32_t row = rows.begin; row < rows.end; ++row)
      for (std::int32_t column = columns.begin; column < columns.end; ++column) {
        const std::int64_t line = static_cast<std::int64_t>(number) * shape.height + row;
        float values[P];
        load<P>(x + (line * shape.width + column) * shape.channels + channel, values);
        for (int k = 0; k < P; ++k) sum[k] += values[k];
      }
    const auto taps = static_cast<float>((rows.end - rows.begin) * (columns.end - columns.begin));
    for (int k = 0; k < P; ++k) sum[k] /= taps;
    store<P>(y + i * P, sum);
  }
};

/// Index: P channels of an input pixel.
template <class T, int P>
struct AveragePoolBackwardBody {
  const T* dy;
  T* dx;
  PoolShape shape;
  std::int64_t samples;

  ANNULUS_DEVICE std::int64_t indices() const { return samples * shape.input_size() / P; }
  ANNULUS_DEVICE void operator()(std::int64_t i) const {
    auto number = static_cast<std::uint32_t>(i);
    const std::int32_t channel = split(number, shape.channels / P) * P;
    const std::int32_t column = split(number, shape.width);
    const std::int32_t row = split(number, shape.height);
    const PixelRange ys = windows_of(row, shape.stride_y, shape.top, shape.size_y, shape.out_height);
    const PixelRange xs = windows_of(column, shape.stride_x, shape.left, shape.size_x, shape.out_width);
    float sum[P] = {};
    for (std::int32_t out_y = ys.begin; out_y < ys.end; ++out_y)
      for (std::int32_t out_x = xs.begin; out_x < xs.end; ++out_x) {
        const PixelRange rows = taps_of(out_y, shape.stride_y, shape.top, shape.size_y, shape.height);
        const PixelRange columns = taps_of(out_x, shape.stride_x, shape.left, shape.size_x, shape.width);
        const auto taps = static_cast<float>((rows.end - rows.begin) * (columns.end - columns.begin));
        const std::int64_t line = static_cast<std::int64_t>(number) * shape.out_height + out_y;
        float values[P];
        load<P>(dy + (line * shape.out_width + out_x) * shape.channels + channel, values);
        for (int k = 0; k < P; ++k) sum[k] += values[k] / taps;
      }
    store<P>(dx + i * P, sum);
  }
};

}  // namespace annulus::trainer::cuda
