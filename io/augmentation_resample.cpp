// Pixels travel as four lanes (channels c, c+1, c+2, c+3): loads and stores overlap the next pixel, whose own
// values are written afterwards. The vector types are GCC's generic ones, so every processor gets the same
// bits.
#include "io/augmentation_resample.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

namespace annulus::io {
namespace {

using ByteLanes [[gnu::vector_size(4)]] = std::uint8_t;
using IntLanes [[gnu::vector_size(16)]] = std::int32_t;
using FloatLanes [[gnu::vector_size(16)]] = float;

constexpr int kFractionBits = 11;  // two blends of 8-bit pixels then fit 31 bits
constexpr std::int32_t kOne = 1 << kFractionBits;

struct Bytes {
  using Value = std::uint8_t;
  using Lanes = IntLanes;
  static Lanes load(const Value* pixel) {
    ByteLanes bytes;
    std::memcpy(&bytes, pixel, sizeof bytes);
    return __builtin_convertvector(bytes, IntLanes);
  }
  /// Exact integer blend, then one rounding to float; the scale is a power of two.
  static FloatLanes blend(const Lanes corners[4], std::int32_t fraction_row, std::int32_t fraction_column) {
    const Lanes upper = (corners[0] << kFractionBits) + fraction_column * (corners[1] - corners[0]);
    const Lanes lower = (corners[2] << kFractionBits) + fraction_column * (corners[3] - corners[2]);
    const Lanes value = (upper << kFractionBits) + fraction_row * (lower - upper);
    return __builtin_convertvector(value, FloatLanes) * 0x1p-22f;
  }
};

struct Floats {
  using Value = float;
  using Lanes = FloatLanes;
  static Lanes load(const Value* pixel) {
    Lanes lanes;
    std::memcpy(&lanes, pixel, sizeof lanes);
    return lanes;
  }
  static FloatLanes blend(const Lanes corners[4], std::int32_t fraction_row, std::int32_t fraction_column) {
    const float row = static_cast<float>(fraction_row) * 0x1p-11f;
    const float column = static_cast<float>(fraction_column) * 0x1p-11f;
    const Lanes upper = corners[0] + column * (corners[1] - corners[0]);
    const Lanes lower = corners[2] + column * (corners[3] - corners[2]);
    return upper + row * (lower - upper);
  }
};

std::int32_t to_fraction(std::int32_t position) { return (position + (1 << 4)) >> (16 - kFractionBits); }

/// Offsets of the pixels of an axis for all indices that the transformed image can ask for, ends included.
class AxisTable {
 public:
  AxisTable(std::int32_t lowest, std::int32_t highest, std::int64_t extent, std::int64_t step, FillMode mode)
      : lowest_((to_fraction(lowest) >> kFractionBits) - 1) {
    const std::int32_t last = (to_fraction(highest) >> kFractionBits) + 2;
    // A pixel outside in mode constant is masked by the caller; it only has to be readable here.
    const FillMode reading = mode == FillMode::constant ? FillMode::nearest : mode;
    offsets_.reserve(static_cast<std::size_t>(last - lowest_ + 1));
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

/// Extremes of a + b * row + c * column over the image: they stand at its corners.
Range extremes(const std::int32_t* coefficients, const SampleShape& shape) {
  const auto rows = static_cast<std::int32_t>(shape.height - 1) * coefficients[0];
  const auto columns = static_cast<std::int32_t>(shape.width - 1) * coefficients[1];
  return {coefficients[2] + std::min(rows, 0) + std::min(columns, 0),
          coefficients[2] + std::max(rows, 0) + std::max(columns, 0)};
}

template <class Type>
class Resampler {
 public:
  using Value = typename Type::Value;
  Resampler(const RawImage& image, const std::array<std::int32_t, 6>& matrix, Fill fill)
      : values_(reinterpret_cast<const Value*>(image.values)),
        shape_(image.shape),
        matrix_(matrix),
        fill_(fill),
        rows_(table(matrix.data(), shape_.height, shape_.width * shape_.channels)),
        columns_(table(matrix.data() + 3, shape_.width, shape_.channels)) {}

  void run(float* output) const {
    const auto channels = shape_.channels;
    for (std::int32_t row = 0; row < shape_.height; ++row) {
      std::int32_t y = matrix_[0] * row + matrix_[2];
      std::int32_t x = matrix_[3] * row + matrix_[5];
      for (std::int64_t column = 0; column < shape_.width; ++column) {
        write_pixel(to_fraction(y), to_fraction(x), output);
        output += channels;
        y += matrix_[1];
        x += matrix_[4];
      }
    }
  }

 private:
  AxisTable table(const std::int32_t* coefficients, std::int64_t extent, std::int64_t step) const {
    const Range range = extremes(coefficients, shape_);
    return {range.low, range.high, extent, step, fill_.mode};
  }

  bool is_outside(std::int32_t y, std::int32_t x) const {
    return y < 0 || x < 0 || y > (shape_.height - 1) * kOne || x > (shape_.width - 1) * kOne;
  }

  void write_pixel(std::int32_t y, std::int32_t x, float* output) const {
    if (fill_.mode == FillMode::constant && is_outside(y, x)) {
      std::fill_n(output, shape_.channels, fill_.constant);
      return;
    }
    const std::int32_t* row = rows_.at(y >> kFractionBits);
    const std::int32_t* column = columns_.at(x >> kFractionBits);
    for (std::int64_t channel = 0; channel < shape_.channels; channel += 4) {
      const Value* base = values_ + channel;
      const typename Type::Lanes corners[4] = {
          Type::load(base + row[0] + column[0]), Type::load(base + row[0] + column[1]),
          Type::load(base + row[1] + column[0]), Type::load(base + row[1] + column[1])};
      const FloatLanes value = Type::blend(corners, y & (kOne - 1), x & (kOne - 1));
      std::memcpy(output + channel, &value, sizeof value);
    }
  }

  const Value* values_;
  SampleShape shape_;
  std::array<std::int32_t, 6> matrix_;
  Fill fill_;
  AxisTable rows_;
  AxisTable columns_;
};

void copy_pixel(const float* from, std::int64_t channels, float* to) {
  for (std::int64_t channel = 0; channel < channels; channel += 4)
    std::memcpy(to + channel, from + channel, 4 * sizeof(float));
}

}  // namespace

std::int64_t extended_index(std::int64_t index, std::int64_t extent, FillMode mode) {
  if (index >= 0 && index < extent) return index;
  switch (mode) {
    case FillMode::nearest:
      return std::clamp(index, std::int64_t{0}, extent - 1);
    case FillMode::reflect: {
      const std::int64_t period = 2 * extent;
      const std::int64_t place = ((index % period) + period) % period;
      return std::min(place, period - 1 - place);
    }
    case FillMode::wrap:
      return ((index % extent) + extent) % extent;
    case FillMode::constant:
      break;
  }
  return -1;
}

void resample(const RawImage& image, const std::array<std::int32_t, 6>& matrix, Fill fill, float* output) {
  if (image.type == PixelType::uint8)
    Resampler<Bytes>(image, matrix, fill).run(output);
  else
    Resampler<Floats>(image, matrix, fill).run(output);
}

void move_pixels(const float* image, const PixelMap& map, std::int64_t channels, float constant,
                 float* output) {
  const auto width = static_cast<std::int64_t>(map.columns.size());
  for (const std::int64_t row : map.rows) {
    const float* line = image + row * width * channels;
    for (const std::int64_t column : map.columns) {
      if (row < 0 || column < 0)
        std::fill_n(output, channels, constant);
      else
        copy_pixel(line + column * channels, channels, output);
      output += channels;
    }
  }
}

}  // namespace annulus::io
