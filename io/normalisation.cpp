// One pass over the source in blocks. Sums run per value of an image row, so that the inner loop is a plain
// vector one, and are added up per channel after each block.
#include "io/normalisation.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.hpp"
#include "base/log.hpp"

namespace annulus::io {
namespace {

constexpr std::size_t kBlockBytes = std::size_t{1} << 20;
constexpr std::size_t kMostRows = 65536;  // rows of squares of 8-bit values that a 32-bit sum holds

/// Sums of x and x^2 per channel; for float pixels of x - pivot, which keeps the difference of the two
/// accurate.
struct Moments {
  std::vector<double> sum;
  std::vector<double> square;
  std::vector<double> pivot;
};

/// Totals per channel. Doubles hold whole numbers exactly up to 2^53; a block adds at most 2^37 pixel
/// squares.
template <class Value>
void fold(const std::vector<Value>& row, std::vector<double>& channels) {
  for (std::size_t i = 0; i < row.size(); ++i) channels[i % channels.size()] += static_cast<double>(row[i]);
}

void add_bytes(const std::uint8_t* values, std::size_t rows, std::size_t row_size, Moments& moments) {
  while (rows > 0) {
    const std::size_t count = std::min(rows, kMostRows);
    std::vector<std::uint32_t> sum(row_size, 0);
    std::vector<std::uint32_t> square(row_size, 0);
    for (std::size_t row = 0; row < count; ++row, values += row_size)
      for (std::size_t i = 0; i < row_size; ++i) {
        const std::uint32_t value = values[i];
        sum[i] += value;
        square[i] += value * value;
      }
    fold(sum, moments.sum);
    fold(square, moments.square);
    rows -= count;
  }
}

void add_floats(const float* values, std::size_t rows, std::size_t row_size, Moments& moments) {
  const std::size_t channels = moments.sum.size();
  std::vector<double> sum(row_size, 0);
  std::vector<double> square(row_size, 0);
  std::vector<double> pivot(row_size);
  for (std::size_t i = 0; i < row_size; ++i) pivot[i] = moments.pivot[i % channels];
  for (std::size_t row = 0; row < rows; ++row, values += row_size)
    for (std::size_t i = 0; i < row_size; ++i) {
      const double value = static_cast<double>(values[i]) - pivot[i];
      sum[i] += value;
      square[i] += value * value;
    }
  fold(sum, moments.sum);
  fold(square, moments.square);
}

void check_finite(std::span<const float> values, const SourceInfo& info, std::uint64_t first) {
  const auto bad = std::find_if(values.begin(), values.end(), [](float x) { return !std::isfinite(x); });
  if (bad == values.end()) return;
  const auto offset = static_cast<std::uint64_t>(bad - values.begin());
  throw DataError(
      "{}: sample {} holds the pixel value {}: mean and deviation of the data, and every step that uses it, "
      "would "
      "not be numbers. Mend or remove the sample.",
      info.name, first + offset / static_cast<std::uint64_t>(info.shape.size()), *bad);
}

Moments read_moments(SampleSource& source) {
  const SourceInfo& info = source.info();
  const auto channels = static_cast<std::size_t>(info.shape.channels);
  const std::size_t image_size = static_cast<std::size_t>(info.shape.size());
  const std::size_t image_bytes = image_size * size_of(info.pixels);
  const std::size_t block = std::max<std::size_t>(1, kBlockBytes / image_bytes);
  const std::size_t row_size = static_cast<std::size_t>(info.shape.width) * channels;
  Moments moments{std::vector<double>(channels, 0), std::vector<double>(channels, 0),
                  std::vector<double>(channels, 0)};
  std::vector<float> pixels(block * image_size);  // room for either type
  std::vector<std::int32_t> labels(block);
  std::vector<std::uint64_t> samples(block);
  for (std::uint64_t first = 0; first < info.samples; first += block) {
    const std::size_t count = std::min<std::uint64_t>(block, info.samples - first);
    std::iota(samples.begin(), samples.end(), first);
    source.read(std::span(samples).first(count),
                std::as_writable_bytes(std::span(pixels)).first(count * image_bytes),
                std::span(labels).first(count));
    const std::size_t rows = count * static_cast<std::size_t>(info.shape.height);
    if (info.pixels == PixelType::uint8) {
      add_bytes(reinterpret_cast<const std::uint8_t*>(pixels.data()), rows, row_size, moments);
      continue;
    }
    check_finite(std::span(pixels).first(count * image_size), info, first);
    if (first == 0) std::copy_n(pixels.begin(), channels, moments.pivot.begin());
    add_floats(pixels.data(), rows, row_size, moments);
  }
  return moments;
}

}  // namespace

Normalisation measure_features(SampleSource& source, float rescale) {
  const SourceInfo& info = source.info();
  if (info.samples == 0)
    throw DataError("{} holds no samples, so it has no mean and deviation. Choose another dataset.",
                    info.name);
  const Moments moments = read_moments(source);
  const double count =
      static_cast<double>(info.samples) * static_cast<double>(info.shape.height * info.shape.width);
  Normalisation result{
      .kind = Normalisation::Kind::per_feature, .rescale = rescale, .mean = {}, .deviation = {}};
  for (std::size_t channel = 0; channel < moments.sum.size(); ++channel) {
    const double mean = moments.sum[channel] / count;
    const double variance = std::max(0.0, moments.square[channel] / count - mean * mean);
    const double factor = rescale;
    double deviation = std::sqrt(variance) * std::abs(factor);
    if (deviation == 0) {
      log_warning("{}: channel {} has the value {} everywhere, so it is centred but not scaled.", info.name,
                  channel, mean + moments.pivot[channel]);
      deviation = 1;
    }
    result.mean.push_back(static_cast<float>((mean + moments.pivot[channel]) * factor));
    result.deviation.push_back(static_cast<float>(deviation));
  }
  return result;
}

}  // namespace annulus::io
