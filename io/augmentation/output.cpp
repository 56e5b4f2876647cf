// Plain loops over rows that the compiler vectorises; sums run in eight fixed lanes, whatever the vector
// width.
#include "io/augmentation/output.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace annulus::io {
namespace {

constexpr std::size_t kLanes = 8;

/// Sum of f(value) over the image: lane i takes values i, i + 8, ..., then the lanes are added in order.
template <class Function>
double lane_sum(std::span<const float> image, Function f) {
  std::array<double, kLanes> sums{};
  std::size_t i = 0;
  for (; i + kLanes <= image.size(); i += kLanes)
    for (std::size_t lane = 0; lane < kLanes; ++lane) sums[lane] += f(static_cast<double>(image[i + lane]));
  for (std::size_t lane = 0; i < image.size(); ++i, ++lane) sums[lane] += f(static_cast<double>(image[i]));
  double total = 0;
  for (const double sum : sums) total += sum;
  return total;
}

ValueMap constant_map(double scale, double offset, const SampleShape& shape) {
  const auto count = static_cast<std::size_t>(shape.width * shape.channels);
  return {std::vector<float>(count, static_cast<float>(scale)),
          std::vector<float>(count, static_cast<float>(offset))};
}

/// One channel after the other, a row at a time, so that the row stays in the nearest cache.
template <class Value>
void write_planes(const Value* image, const ValueMap& map, const SampleShape& shape, float* output) {
  const std::int64_t channels = shape.channels;
  for (std::int64_t row = 0; row < shape.height; ++row) {
    for (std::int64_t channel = 0; channel < channels; ++channel) {
      const Value* line = image + row * shape.width * channels + channel;
      float* plane = output + (channel * shape.height + row) * shape.width;
      const float scale = map.scale[static_cast<std::size_t>(channel)];
      const float offset = map.offset[static_cast<std::size_t>(channel)];
      for (std::int64_t column = 0; column < shape.width; ++column)
        plane[column] = static_cast<float>(line[column * channels]) * scale + offset;
    }
  }
}

/// Three channels in one loop, which the compiler turns into vector shuffles.
template <class Value>
void write_three_planes(const Value* image, const ValueMap& map, const SampleShape& shape, float* output) {
  const std::int64_t size = shape.height * shape.width;
  float* __restrict red = output;
  float* __restrict green = output + size;
  float* __restrict blue = output + 2 * size;
  const float red_scale = map.scale[0], green_scale = map.scale[1], blue_scale = map.scale[2];
  const float red_offset = map.offset[0], green_offset = map.offset[1], blue_offset = map.offset[2];
  for (std::int64_t i = 0; i < size; ++i) {
    red[i] = static_cast<float>(image[3 * i]) * red_scale + red_offset;
    green[i] = static_cast<float>(image[3 * i + 1]) * green_scale + green_offset;
    blue[i] = static_cast<float>(image[3 * i + 2]) * blue_scale + blue_offset;
  }
}

template <class Value>
void write_interleaved(const Value* image, const ValueMap& map, const SampleShape& shape, float* output) {
  const std::int64_t count = shape.width * shape.channels;
  const float* scale = map.scale.data();
  const float* offset = map.offset.data();
  for (std::int64_t row = 0; row < shape.height; ++row)
    for (std::int64_t i = 0; i < count; ++i)
      output[row * count + i] = static_cast<float>(image[row * count + i]) * scale[i] + offset[i];
}

}  // namespace

ValueMap make_value_map(const Normalisation& normalisation, const SampleShape& shape) {
  const bool has_mean = normalisation.kind == Normalisation::Kind::given ||
                        normalisation.kind == Normalisation::Kind::per_feature;
  ValueMap map = constant_map(normalisation.rescale, 0, shape);
  if (!has_mean) return map;
  for (std::size_t i = 0; i < map.scale.size(); ++i) {
    const std::size_t channel = i % static_cast<std::size_t>(shape.channels);
    const double deviation = normalisation.deviation[channel];
    map.scale[i] = static_cast<float>(normalisation.rescale / deviation);
    map.offset[i] = static_cast<float>(-normalisation.mean[channel] / deviation);
  }
  return map;
}

ValueMap make_sample_map(const float* image, float rescale, const SampleShape& shape) {
  const std::span<const float> values(image, static_cast<std::size_t>(shape.size()));
  const auto count = static_cast<double>(values.size());
  const double mean = lane_sum(values, [](double x) { return x; }) / count;
  const double square = lane_sum(values, [mean](double x) { return (x - mean) * (x - mean); }) / count;
  if (square == 0)
    return constant_map(0, 0, shape);  // a constant image is all mean; dividing by 1e-6 is noise
  const double factor = rescale;
  const double deviation = std::abs(factor) * std::sqrt(square) + 1e-6;
  return constant_map(factor / deviation, -mean * factor / deviation, shape);
}

ValueRange range_of(std::span<const float> image) {
  ValueRange range{.low = std::numeric_limits<float>::infinity(),
                   .high = -std::numeric_limits<float>::infinity()};
  for (const float value : image) {
    range.low = value < range.low ? value : range.low;
    range.high = value > range.high ? value : range.high;
  }
  return range;
}

void shift_channels(float shift, const ValueRange& range, std::span<float> image) {
  if (shift == 0) return;
  for (float& value : image) value = std::min(std::max(value + shift, range.low), range.high);
}

void change_brightness(float factor, const ValueRange& range, std::span<float> image) {
  if (factor == 1) return;
  for (float& value : image) value = std::min(std::max(value * factor, range.low), range.high);
}

template <class Value>
void write_image(const Value* image, const ValueMap& map, const SampleShape& shape, PixelLayout layout,
                 float* output) {
  if (layout == PixelLayout::channels_last || shape.channels == 1)
    write_interleaved(image, map, shape, output);
  else if (shape.channels == 3)
    write_three_planes(image, map, shape, output);
  else
    write_planes(image, map, shape, output);
}

template void write_image(const float*, const ValueMap&, const SampleShape&, PixelLayout, float*);
template void write_image(const std::uint8_t*, const ValueMap&, const SampleShape&, PixelLayout, float*);

}  // namespace annulus::io
