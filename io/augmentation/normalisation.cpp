// Blocks of images, one after another. Sums run per value of an image row, so that the inner loop is a plain
// vector one, and are added up per channel after each block.
#include "io/augmentation/normalisation.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.hpp"
#include "base/log.hpp"

namespace annulus::io {
namespace {

constexpr std::size_t kBlockBytes = std::size_t{1} << 20;
constexpr std::size_t kMostRows = 65536;  // rows of squares of 8-bit values that a 32-bit sum holds

/// Totals per channel. Doubles hold whole numbers exactly up to 2^53; a block adds at most 2^37 pixel
/// squares.
template <class Value>
void fold(const std::vector<Value>& row, std::vector<double>& channels) {
  for (std::size_t i = 0; i < row.size(); ++i) channels[i % channels.size()] += static_cast<double>(row[i]);
}

void add_bytes(const std::uint8_t* values, std::size_t rows, std::size_t row_size, ChannelMoments& moments) {
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

void add_floats(const float* values, std::size_t rows, std::size_t row_size, ChannelMoments& moments) {
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
      "{}: sample {} holds the pixel value {}: mean and deviation of the data, and every step that uses it, would not be numbers. Mend or remove the sample, or give normalisation.mean and normalisation.deviation.",
      info.name, first + offset / static_cast<std::uint64_t>(info.shape.size()), *bad);
}

std::size_t image_values(const SourceInfo& info) { return static_cast<std::size_t>(info.shape.size()); }

/// Images that are read at once. Float sums depend on it.
std::size_t block_images(const SourceInfo& info) {
  return std::max<std::size_t>(1, kBlockBytes / (image_values(info) * size_of(info.pixels)));
}

}  // namespace

FeatureMeasurement::FeatureMeasurement(SampleSource& source) : source_(source) {
  const SourceInfo& info = source.info();
  if (info.samples == 0)
    throw DataError("{} holds no samples, so it has no mean and deviation. Choose another dataset.",
                    info.name);
  const std::vector<double> zeros(static_cast<std::size_t>(info.shape.channels), 0);
  moments_ = {.sum = zeros, .square = zeros, .pivot = zeros};
}

bool FeatureMeasurement::read(std::size_t bytes) {
  const SourceInfo& info = source_.info();
  const std::size_t block = block_images(info);
  const std::size_t block_bytes = block * image_values(info) * size_of(info.pixels);
  for (std::size_t done = 0; done < bytes && next_ < info.samples; done += block_bytes)
    read_block(std::min<std::uint64_t>(block, info.samples - next_));
  return next_ < info.samples;
}

void FeatureMeasurement::read_block(std::size_t count) {
  const SourceInfo& info = source_.info();
  const std::size_t values = count * image_values(info);
  const std::size_t rows = count * static_cast<std::size_t>(info.shape.height);
  const auto row_size = static_cast<std::size_t>(info.shape.width * info.shape.channels);
  pixels_.resize(values * size_of(info.pixels));
  labels_.resize(count);
  samples_.resize(count);
  std::iota(samples_.begin(), samples_.end(), next_);
  source_.read(samples_, {pixels_, labels_});
  if (info.pixels == PixelType::uint8) {
    add_bytes(reinterpret_cast<const std::uint8_t*>(pixels_.data()), rows, row_size, moments_);
  } else {
    const auto* pixels = reinterpret_cast<const float*>(pixels_.data());
    check_finite({pixels, values}, info, next_);
    if (next_ == 0) std::copy_n(pixels, moments_.pivot.size(), moments_.pivot.begin());
    add_floats(pixels, rows, row_size, moments_);
  }
  next_ += count;
}

Normalisation FeatureMeasurement::result(float rescale) const {
  const SourceInfo& info = source_.info();
  expect_contract(next_ == info.samples, "a measurement has read everything before it gives its result");
  const double count =
      static_cast<double>(info.samples) * static_cast<double>(info.shape.height * info.shape.width);
  Normalisation result{
      .kind = Normalisation::Kind::per_feature, .rescale = rescale, .mean = {}, .deviation = {}};
  for (std::size_t channel = 0; channel < moments_.sum.size(); ++channel) {
    const double mean = moments_.sum[channel] / count;
    const double variance = std::max(0.0, moments_.square[channel] / count - mean * mean);
    const double factor = rescale;
    double deviation = std::sqrt(variance) * std::abs(factor);
    if (deviation == 0) {
      log_warning("{}: channel {} has the value {} everywhere, so it is centred but not scaled.", info.name,
                  channel, mean + moments_.pivot[channel]);
      deviation = 1;
    }
    result.mean.push_back(static_cast<float>((mean + moments_.pivot[channel]) * factor));
    result.deviation.push_back(static_cast<float>(deviation));
  }
  return result;
}

}  // namespace annulus::io
