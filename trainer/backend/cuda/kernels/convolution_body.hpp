// Plain convolution, one thread a result: runs where cuDNN has no deterministic algorithm for a shape, and
// checks cuDNN's results in tests. Kernels are (filters, kh, kw, channels / groups).
#pragma once

#include "trainer/backend/cuda/kernels/element.hpp"

namespace annulus::trainer::cuda {

/// All in pixels. Padding is what lies above and to the left; whatever lies beyond the image is zero.
struct ConvolutionShape {
  std::int32_t samples = 1;
  std::int32_t height = 1, width = 1, channels = 1;
  std::int32_t out_height = 1, out_width = 1, filters = 1;
  std::int32_t kernel_y = 1, kernel_x = 1;
  std::int32_t stride_y = 1, stride_x = 1;
  std::int32_t dilation_y = 1, dilation_x = 1;
  std::int32_t top = 0, left = 0;
  std::int32_t groups = 1;

  ANNULUS_DEVICE std::int32_t group_channels() const { return channels / groups; }
  ANNULUS_DEVICE std::int32_t group_filters() const { return filters / groups; }
  ANNULUS_DEVICE std::int64_t input_size() const {
    return std::int64_t{1} * samples * height * width * channels;
  }
  ANNULUS_DEVICE std::int64_t output_size() const {
    return std::int64_t{1} * samples * out_height * out_width * filters;
  }
  ANNULUS_DEVICE std::int64_t kernel_size() const {
    return std::int64_t{1} * filters * kernel_y * kernel_x * group_channels();
  }
};

/// y = conv(x, kernel). Index: output element.
template <class T>
struct ConvolutionForwardBody {
  const T* x;
  const T* kernel;
  T* y;
  ConvolutionShape shape;

  ANNULUS_DEVICE std::int64_t indices() const { return shape.output_size(); }
  ANNULUS_DEVICE void operator()(std::int64_t i) const {
    auto number = static_cast<std::uint32_t>(i);
    const std::int32_t filter = split(number, shape.filters);
    const std::int32_t out_x = split(number, shape.out_width);
    const std::int32_t out_y = split(number, shape.out_height);
    const std::int32_t inputs = shape.group_channels();
    const std::int32_t first = filter / shape.group_filters() * inputs;
    double sum = 0;
    for (std::int32_t tap = 0; tap < shape.kernel_y * shape.kernel_x; ++tap) {
      const std::int32_t row = out_y * shape.stride_y - shape.top + tap / shape.kernel_x * shape.dilation_y;
      const std::int32_t column =
          out_x * shape.stride_x - shape.left + tap % shape.kernel_x * shape.dilation_x;
      if (row < 0 || row >= shape.height || column < 0 || column >= shape.width) continue;
      const std::int64_t line = static_cast<std::int64_t>(number) * shape.height + row;
      const T* pixel = x + (line * shape.width + column) * shape.channels + first;
      const T* weights =
          kernel + (static_cast<std::int64_t>(filter) * shape.kernel_y * shape.kernel_x + tap) * inputs;
      for (std::int32_t c = 0; c < inputs; ++c)
        sum += static_cast<double>(to_float(pixel[c])) * static_cast<double>(to_float(weights[c]));
    }
    y[i] = from_float<T>(static_cast<float>(sum));
  }
};

/// dx from dy. Index: input element.
template <class T>
struct ConvolutionDataBody {
  const T* dy;
  const T* kernel;
  T* dx;
  ConvolutionShape shape;

  ANNULUS_DEVICE std::int64_t indices() const { return shape.input_size(); }
  ANNULUS_DEVICE void operator()(std::int64_t i) const {
    auto number = static_cast<std::uint32_t>(i);
    const std::int32_t channel = split(number, shape.channels);
    const std::int32_t column = split(number, shape.width);
    const std::int32_t row = split(number, shape.height);
    const std::int32_t inputs = shape.group_channels();
    const std::int32_t first = channel / inputs * shape.group_filters();
    double sum = 0;
    for (std::int32_t tap = 0; tap < shape.kernel_y * shape.kernel_x; ++tap) {
      const std::int32_t y = row + shape.top - tap / shape.kernel_x * shape.dilation_y;
      const std::int32_t x = column + shape.left - tap % shape.kernel_x * shape.dilation_x;
      if (y < 0 || y % shape.stride_y != 0 || y / shape.stride_y >= shape.out_height) continue;
      if (x < 0 || x % shape.stride_x != 0 || x / shape.stride_x >= shape.out_width) continue;
      const std::int64_t line = static_cast<std::int64_t>(number) * shape.out_height + y / shape.stride_y;
      const T* gradients = dy + (line * shape.out_width + x / shape.stride_x) * shape.filters;
      for (std::int32_t f = first; f < first + shape.group_filters(); ++f) {
        const std::int64_t at =
            (static_cast<std::int64_t>(f) * shape.kernel_y * shape.kernel_x + tap) * inputs +
            channel % inputs;
        sum += static_cast<double>(to_float(gradients[f])) * static_cast<double>(to_float(kernel[at]));
      }
    }
    dx[i] = from_float<T>(static_cast<float>(sum));
  }
};

/// Gradient of the kernel. Index: element of the kernel.
template <class T>
struct ConvolutionKernelBody {
  const T* x;
  const T* dy;
  T* dkernel;
  ConvolutionShape shape;

  ANNULUS_DEVICE std::int64_t indices() const { return shape.kernel_size(); }
  ANNULUS_DEVICE void operator()(std::int64_t i) const {
    auto number = static_cast<std::uint32_t>(i);
    const std::int32_t c = split(number, shape.group_channels());
    const std::int32_t tap_x = split(number, shape.kernel_x);
    const std::int32_t tap_y = split(number, shape.kernel_y);
    const auto filter = static_cast<std::int32_t>(number);
    const std::int32_t channel = filter / shape.group_filters() * shape.group_channels() + c;
    double sum = 0;
    for (std::int32_t line = 0; line < shape.samples * shape.out_height; ++line) {
      const std::int32_t sample = line / shape.out_height;
      const std::int32_t row =
          line % shape.out_height * shape.stride_y - shape.top + tap_y * shape.dilation_y;
      if (row < 0 || row >= shape.height) continue;
      for (std::int32_t out_x = 0; out_x < shape.out_width; ++out_x) {
        const std::int32_t column = out_x * shape.stride_x - shape.left + tap_x * shape.dilation_x;
        if (column < 0 || column >= shape.width) continue;
        const std::int64_t pixel =
            (static_cast<std::int64_t>(sample) * shape.height + row) * shape.width + column;
        const std::int64_t output = static_cast<std::int64_t>(line) * shape.out_width + out_x;
        sum += static_cast<double>(to_float(x[pixel * shape.channels + channel])) *
               static_cast<double>(to_float(dy[output * shape.filters + filter]));
      }
    }
    dkernel[i] = from_float<T>(static_cast<float>(sum));
  }
};

}  // namespace annulus::trainer::cuda
