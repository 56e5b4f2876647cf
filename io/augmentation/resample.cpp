// Pixels travel as four lanes (channels c, c+1, c+2, c+3): loads and stores overlap the next pixel, whose own
// values are written afterwards. The vector types are GCC's generic ones, so every processor gets the same
// bits.
//
// Positions are whole numbers, in two units:
//   1/65536 pixel   the matrix and the sums over it; adding a coefficient once per pixel is exact, while a
//                   float would depend on how many additions led to it
//   1/256 pixel     where a pixel is taken from: whole part = pixel, 8 bits = weight of the next one
//
//   e.g. 177151/65536 = 2.7031:  (177151 + 128) >> 8 = 692,  692/256 = pixel 2 and 180/256 of pixel 3
//
// Why 8 bits of weight: a blend of values of 8 bits then never needs more than the 24 bits of a float,
//   columns  left + w (right - left)     8 bits before the point, 8 behind it
//   rows     upper + v (lower - upper)   8 before, 16 behind: 24
// so no operation rounds, and it does not matter whether a device fuses multiply and add, or in which order
// it works. A ninth bit of weight would need 26, and CPU and GPU would differ in the last bit.
#include "io/augmentation/resample.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

#include "io/augmentation/rules.hpp"

namespace annulus::io {
namespace {

using Lanes [[gnu::vector_size(16)]] = float;

constexpr int kFractionBits = 8;
constexpr std::int32_t kOne = 1 << kFractionBits;
constexpr std::int32_t kHalfStep = 1 << (15 - kFractionBits);  // half of 1/256 pixel, in 1/65536: rounds

Lanes load(const float* pixel) {
  Lanes lanes;
  std::memcpy(&lanes, pixel, sizeof lanes);
  return lanes;
}

void store(Lanes lanes, float* pixel) { std::memcpy(pixel, &lanes, sizeof lanes); }

std::int32_t to_fraction(std::int32_t position) { return (position + kHalfStep) >> (16 - kFractionBits); }

/// Offsets of the pixels of an axis for all indices that the transformed image can ask for, ends included.
/// The fill modes (reflection, wrapping) are worked out here, once per index, instead of four times per
/// pixel.
class AxisTable {
 public:
  AxisTable(std::int32_t lowest, std::int32_t highest, std::int64_t extent, std::int64_t step, FillMode mode)
      : lowest_((to_fraction(lowest) >> kFractionBits) - 1) {
    const std::int32_t last = (to_fraction(highest) >> kFractionBits) + 2;
    // A pixel outside in mode constant is masked by the caller; it only has to be readable here.
    const FillMode reading = mode == FillMode::constant ? FillMode::nearest : mode;
    const std::int64_t count = std::int64_t{last} - lowest_ + 1;
    offsets_.reserve(static_cast<std::size_t>(count));
    for (std::int32_t index = lowest_; index <= last; ++index)
      offsets_.push_back(static_cast<std::int32_t>(extended_index(index, extent, reading) * step));
  }
  /// @return the entry of `index`; the one behind it belongs to index + 1.
  const std::int32_t* at(std::int32_t index) const { return offsets_.data() + (index - lowest_); }

 private:
  std::int32_t lowest_;
  std::vector<std::int32_t> offsets_;
};

struct Range {
  std::int32_t low;
  std::int32_t high;
};

/// Extremes of a + b * row + c * column over the output: they stand at its corners.
Range extremes(const std::int32_t* coefficients, const SampleShape& shape) {
  const auto rows = static_cast<std::int32_t>(shape.height - 1) * coefficients[0];
  const auto columns = static_cast<std::int32_t>(shape.width - 1) * coefficients[1];
  return {coefficients[2] + std::min(rows, 0) + std::min(columns, 0),
          coefficients[2] + std::max(rows, 0) + std::max(columns, 0)};
}

class Resampler {
 public:
  Resampler(const float* image, const AffineMove& move)
      : image_(image),
        shape_(move.shape),
        output_(move.output),
        matrix_(move.matrix),
        fill_(move.fill),
        rows_(table(matrix_.data(), shape_.height, shape_.width * shape_.channels)),
        columns_(table(matrix_.data() + 3, shape_.width, shape_.channels)) {}

  template <std::int64_t kChannels>
  void run(float* output) const {
    const std::int64_t channels = kChannels == 0 ? shape_.channels : kChannels;
    for (std::int32_t row = 0; row < output_.height; ++row) {
      // As to_fraction() rounds, so that the tables reach as far as what is asked of them. >> of a negative
      // number rounds down (C++20), which is the pixel to the left, as it must be.
      std::int32_t y = matrix_[0] * row + matrix_[2] + kHalfStep;
      std::int32_t x = matrix_[3] * row + matrix_[5] + kHalfStep;
      for (std::int64_t column = 0; column < output_.width; ++column) {
        write_pixel(y >> (16 - kFractionBits), x >> (16 - kFractionBits), channels, output);
        output += channels;
        y += matrix_[1];
        x += matrix_[4];
      }
    }
  }

 private:
  AxisTable table(const std::int32_t* coefficients, std::int64_t extent, std::int64_t step) const {
    const Range range = extremes(coefficients, output_);
    return {range.low, range.high, extent, step, fill_.mode};
  }

  bool is_outside(std::int32_t y, std::int32_t x) const {
    return y < 0 || x < 0 || y > (shape_.height - 1) * kOne || x > (shape_.width - 1) * kOne;
  }

  void write_pixel(std::int32_t y, std::int32_t x, std::int64_t channels, float* output) const {
    if (fill_.mode == FillMode::constant && is_outside(y, x)) {
      std::fill_n(output, channels, fill_.constant);
      return;
    }
    const std::int32_t* row = rows_.at(y >> kFractionBits);
    const std::int32_t* column = columns_.at(x >> kFractionBits);
    const float row_weight = static_cast<float>(y & (kOne - 1)) * (1.0f / kOne);
    const float column_weight = static_cast<float>(x & (kOne - 1)) * (1.0f / kOne);
    // Four channels at a time, whether there are as many or not: the lanes beyond are written too, and then
    // by their own pixel (kImageSlack lies behind the last one).
    for (std::int64_t channel = 0; channel < channels; channel += 4) {
      const float* base = image_ + channel;
      const Lanes left = load(base + row[0] + column[0]);
      const Lanes upper = left + column_weight * (load(base + row[0] + column[1]) - left);
      const Lanes below = load(base + row[1] + column[0]);
      const Lanes lower = below + column_weight * (load(base + row[1] + column[1]) - below);
      store(upper + row_weight * (lower - upper), output + channel);
    }
  }

  const float* image_;
  SampleShape shape_;
  SampleShape output_;
  std::array<std::int32_t, 6> matrix_;
  Fill fill_;
  AxisTable rows_;
  AxisTable columns_;
};

/// Columns of a map that follow one another in the image and can be copied at once.
struct Run {
  std::size_t begin = 0;
  std::size_t end = 0;
};

Run longest_run(const std::vector<std::int64_t>& columns) {
  Run longest;
  Run run;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const bool follows = i > run.begin && columns[i - 1] >= 0 && columns[i] == columns[i - 1] + 1;
    if (!follows) run.begin = i;
    run.end = i + 1;
    if (columns[i] >= 0 && run.end - run.begin > longest.end - longest.begin) longest = run;
  }
  return longest;
}

/// Columns [begin, end) of a row, one by one. Writes up to kImageSlack values beyond them.
template <std::size_t kChannels>
void move_columns(const float* line, const PixelMove& move, Run run, float* output) {
  const std::size_t channels = kChannels == 0 ? move.channels : kChannels;
  for (std::size_t i = run.begin; i < run.end; ++i) {
    const std::int64_t column = move.columns[i];
    float* pixel = output + i * channels;
    if (column < 0) {
      std::fill_n(pixel, channels, move.constant);
      continue;
    }
    const float* source = line + column * static_cast<std::int64_t>(channels);
    for (std::size_t channel = 0; channel < channels; channel += 4)
      store(load(source + channel), pixel + channel);
  }
}

template <std::size_t kChannels>
void move_rows(const float* image, const PixelMove& move, float* output) {
  const std::size_t channels = kChannels == 0 ? move.channels : kChannels;
  const std::size_t row_size = move.columns.size() * channels;
  const auto source_row = static_cast<std::int64_t>(move.source_width * channels);
  const Run run = longest_run(move.columns);
  for (const std::int64_t row : move.rows) {
    const float* line = image + row * source_row;
    if (row < 0) {
      std::fill_n(output, row_size, move.constant);
    } else {
      move_columns<kChannels>(line, move, {0, run.begin}, output);
      if (run.begin < run.end)
        std::memcpy(output + run.begin * channels,
                    line + move.columns[run.begin] * static_cast<std::int64_t>(channels),
                    (run.end - run.begin) * channels * sizeof(float));
      move_columns<kChannels>(line, move, {run.end, move.columns.size()}, output);
    }
    output += row_size;
  }
}

}  // namespace

std::int64_t extended_index(std::int64_t index, std::int64_t extent, FillMode mode) {
  return rules::extended(index, extent, mode);
}

void resample(const float* image, const AffineMove& move, float* output) {
  const Resampler resampler(image, move);
  if (move.shape.channels == 3)
    resampler.run<3>(output);
  else if (move.shape.channels == 1)
    resampler.run<1>(output);
  else
    resampler.run<0>(output);
}

void move_pixels(const float* image, const PixelMove& move, float* output) {
  if (move.channels == 3)
    move_rows<3>(image, move, output);
  else if (move.channels == 1)
    move_rows<1>(image, move, output);
  else
    move_rows<0>(image, move, output);
}

}  // namespace annulus::io
