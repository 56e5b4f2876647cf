// See pixel_scan.hpp.
#include "io/survey/pixel_scan.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "io/dataset/columns.hpp"

namespace annulus::io {
namespace {

/// Mean and deviation in double from sums per block: 10^12 pixels keep six digits.
class StatisticsSum {
 public:
  explicit StatisticsSum(std::size_t channels) : sums_(channels) {}

  template <class T>
  void add(std::span<const T> pixels) {
    for (std::size_t i = 0; i < pixels.size(); ++i) {
      Sum& sum = sums_[i % sums_.size()];
      const double value = pixels[i];
      sum.total += value;
      sum.squares += value * value;
      sum.smallest = std::min(sum.smallest, value);
      sum.largest = std::max(sum.largest, value);
    }
    pixels_ += pixels.size() / sums_.size();
  }

  std::vector<PixelStatistics> result() const {
    std::vector<PixelStatistics> statistics;
    for (const Sum& sum : sums_) {
      const double mean = sum.total / static_cast<double>(pixels_);
      const double variance = sum.squares / static_cast<double>(pixels_) - mean * mean;
      statistics.push_back({mean, std::sqrt(std::max(0.0, variance)), sum.smallest, sum.largest});
    }
    return statistics;
  }

 private:
  struct Sum {
    double total = 0;
    double squares = 0;
    double smallest = std::numeric_limits<double>::infinity();
    double largest = -std::numeric_limits<double>::infinity();
  };
  std::vector<Sum> sums_;
  std::uint64_t pixels_ = 0;
};

}  // namespace

std::vector<RowRange> rows_to_scan(const DatasetColumns& columns, PixelScan scan) {
  constexpr std::uint64_t kPlaces = 16;
  constexpr std::uint64_t kRows = 64;             // at each of them
  constexpr std::uint64_t kRowBytes = 32 << 20;   // of all rows together
  constexpr std::uint64_t kReadBytes = 64 << 20;  // of the chunks in which they lie
  const std::uint64_t samples = columns.info().samples;
  if (scan == PixelScan::skip) return {};
  if (scan == PixelScan::read_all || samples <= kPlaces * kRows) return {{0, samples}};
  const std::uint64_t row = std::max<std::uint64_t>(1, columns.row_bytes());
  const std::uint64_t rows = std::clamp<std::uint64_t>(kRowBytes / row / kPlaces, 1, kRows);
  const std::uint64_t chunk = std::max(rows, columns.chunk_rows());
  const std::uint64_t places =
      std::clamp<std::uint64_t>(kReadBytes / row / chunk, 1, std::min(kPlaces, samples / chunk + 1));
  std::vector<RowRange> ranges;
  for (std::uint64_t i = 0; i < places; ++i) {
    // The middle of each part, so that few places are as good; from the beginning of a chunk where one is.
    const std::uint64_t at = samples / places * i + samples / places / 2;
    const std::uint64_t first = std::min(at / chunk * chunk, samples - rows);
    if (ranges.empty() || first >= ranges.back().first + rows) ranges.push_back({first, rows});
  }
  return ranges;
}

void visit_pixels(const DatasetColumns& columns, std::span<const RowRange> ranges,
                  const std::function<void(std::uint64_t first, std::span<const std::byte> pixels)>& visit) {
  constexpr std::uint64_t kReadBytes = 8 << 20;
  const std::uint64_t step =
      columns.chunk_rows() *
      std::max<std::uint64_t>(1, kReadBytes / columns.row_bytes() / columns.chunk_rows());
  std::vector<std::byte> block;
  for (const RowRange& range : ranges) {
    for (std::uint64_t done = 0; done < range.count; done += step) {
      const std::uint64_t rows = std::min(step, range.count - done);
      block.resize(rows * columns.row_bytes());
      columns.read_pixels(range.first + done, rows, block);
      visit(range.first + done, block);
    }
  }
}

std::vector<PixelStatistics> pixel_statistics(const DatasetColumns& columns, std::span<const RowRange> rows) {
  StatisticsSum sum(static_cast<std::size_t>(columns.info().shape.channels));
  visit_pixels(columns, rows, [&](std::uint64_t, std::span<const std::byte> block) {
    if (columns.info().pixels == PixelType::uint8)
      sum.add(
          std::span<const std::uint8_t>(reinterpret_cast<const std::uint8_t*>(block.data()), block.size()));
    else
      sum.add(
          std::span<const float>(reinterpret_cast<const float*>(block.data()), block.size() / sizeof(float)));
  });
  return sum.result();
}

}  // namespace annulus::io
