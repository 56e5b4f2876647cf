// Resampling along one axis after the other.
#include <algorithm>
#include <cmath>

#include "io/pictures/image_codec.hpp"

namespace annulus::io {
namespace {

/// Contributions of input pixels to one output pixel along one axis.
struct Window {
  std::int64_t first = 0;
  std::vector<float> weights;
};

std::vector<Window> triangle_windows(std::int64_t from, std::int64_t to) {
  const double scale = static_cast<double>(from) / static_cast<double>(to);
  const double radius = std::max(1.0, scale);
  std::vector<Window> windows;
  for (std::int64_t i = 0; i < to; ++i) {
    const double centre = (static_cast<double>(i) + 0.5) * scale;
    Window window;
    window.first = std::max<std::int64_t>(0, static_cast<std::int64_t>(std::floor(centre - radius + 0.5)));
    const auto last = std::min(from, static_cast<std::int64_t>(std::floor(centre + radius + 0.5)));
    double total = 0;
    for (std::int64_t k = window.first; k < last; ++k) {
      const double weight = std::max(0.0, 1.0 - std::abs((static_cast<double>(k) + 0.5 - centre) / radius));
      window.weights.push_back(static_cast<float>(weight));
      total += weight;
    }
    for (float& weight : window.weights) weight = static_cast<float>(weight / total);
    windows.push_back(std::move(window));
  }
  return windows;
}

/// Resamples the middle axis of (outer, from, inner) values.
std::vector<float> resample_axis(const std::vector<float>& values, std::int64_t outer, std::int64_t inner,
                                 const std::vector<Window>& windows) {
  const auto to = static_cast<std::int64_t>(windows.size());
  const std::int64_t from = static_cast<std::int64_t>(values.size()) / outer / inner;
  std::vector<float> result(static_cast<std::size_t>(outer * to * inner), 0.0f);
  for (std::int64_t o = 0; o < outer; ++o) {
    for (std::int64_t i = 0; i < to; ++i) {
      const Window& window = windows[static_cast<std::size_t>(i)];
      float* const target = result.data() + (o * to + i) * inner;
      const float* source = values.data() + (o * from + window.first) * inner;
      for (const float weight : window.weights) {
        for (std::int64_t c = 0; c < inner; ++c) target[c] += weight * source[c];
        source += inner;
      }
    }
  }
  return result;
}

template <class Value>
Value rounded(float value) {
  if constexpr (std::is_same_v<Value, float>)
    return value;
  else
    return static_cast<Value>(std::clamp(std::lround(value), 0l, 255l));
}

template <class Value>
ImageOf<Value> resized(const ImageOf<Value>& image, std::int64_t height, std::int64_t width) {
  if (image.height == height && image.width == width) return image;
  std::vector<float> values(image.pixels.begin(), image.pixels.end());
  values = resample_axis(values, image.height, image.channels, triangle_windows(image.width, width));
  values = resample_axis(values, 1, width * image.channels, triangle_windows(image.height, height));
  ImageOf<Value> result{height, width, image.channels, {}, image.notes};
  result.pixels.resize(values.size());
  std::transform(values.begin(), values.end(), result.pixels.begin(), rounded<Value>);
  return result;
}

/// Half a margin, rounded as Python's round() does, whose halves go to even.
std::int64_t half_of(std::int64_t margin) { return std::lrint(static_cast<double>(margin) / 2); }

/// A window of `height` x `width` out of an image, or with black around one: whichever is larger.
template <class Value>
ImageOf<Value> centred(const ImageOf<Value>& image, std::int64_t height, std::int64_t width) {
  ImageOf<Value> result{height, width, image.channels, {}, image.notes};
  result.pixels.resize(static_cast<std::size_t>(height * width * image.channels));
  const std::int64_t rows = std::min(height, image.height);
  const std::int64_t values = std::min(width, image.width) * image.channels;
  const auto begin = [&](std::int64_t outer_height, std::int64_t outer_width, std::int64_t row) {
    const std::int64_t y = half_of(outer_height - rows) + row;
    return (y * outer_width + half_of(outer_width - values / image.channels)) * image.channels;
  };
  for (std::int64_t row = 0; row < rows; ++row)
    std::copy_n(image.pixels.begin() + begin(image.height, image.width, row), values,
                result.pixels.begin() + begin(height, width, row));
  return result;
}

template <class Value>
ImageOf<Value> fitted_as(const ImageOf<Value>& image, std::int64_t height, std::int64_t width, Fit fit) {
  if (fit == Fit::stretch) return resized(image, height, width);
  // Which side decides: height / image.height against width / image.width, without rounding.
  const bool by_height = (height * image.width > width * image.height) == (fit == Fit::crop);
  const auto follows = [&](std::int64_t side, std::int64_t wanted, std::int64_t deciding) {
    // As torchvision cuts, and as Pillow's ImageOps.pad rounds.
    const double exact =
        static_cast<double>(side) / static_cast<double>(deciding) * static_cast<double>(wanted);
    return std::max<std::int64_t>(1, fit == Fit::crop ? side * wanted / deciding : std::lrint(exact));
  };
  const std::int64_t new_height = by_height ? height : follows(image.height, width, image.width);
  const std::int64_t new_width = by_height ? follows(image.width, height, image.height) : width;
  return centred(resized(image, new_height, new_width), height, width);
}

}  // namespace

Image fitted(const Image& image, std::int64_t height, std::int64_t width, Fit fit) {
  return fitted_as(image, height, width, fit);
}

FloatImage fitted(const FloatImage& image, std::int64_t height, std::int64_t width, Fit fit) {
  return fitted_as(image, height, width, fit);
}

Image resize(const Image& image, std::int64_t height, std::int64_t width) {
  return resized(image, height, width);
}

FloatImage resize(const FloatImage& image, std::int64_t height, std::int64_t width) {
  return resized(image, height, width);
}

}  // namespace annulus::io
