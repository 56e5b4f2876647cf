// The arithmetic of augmentation plans, shared by the CPU's generator and the kernels of a GPU: integers
// drawn from the counter-based generator, turned into parameters by plain arithmetic (no library sine), whose
// every result IEEE 754 fixes on any device. All functions are constexpr, which is what lets kernels call
// them.
#pragma once

#include <array>
#include <cstdint>
#include <numbers>

#include "base/random.hpp"
#include "io/augmentation/plan.hpp"

namespace annulus::io::rules {

/// First counter word of each transformation; part of what makes a run reproducible, so never renumber.
enum class Slot : std::uint32_t {
  rotation = 0,
  shift = 1,
  shear = 2,
  zoom = 3,
  channel_shift = 4,
  flips = 5,
  brightness = 6,
  crop = 7,
  cutout = 8,
};

class Draws {
 public:
  constexpr Draws(std::array<std::uint32_t, 2> key, SampleKey sample) : key_(key), sample_(sample) {}
  constexpr std::array<std::uint32_t, 4> words(Slot slot) const {
    return philox(
        key_, {static_cast<std::uint32_t>(slot), static_cast<std::uint32_t>(sample_.epoch),
               static_cast<std::uint32_t>(sample_.sample), static_cast<std::uint32_t>(sample_.sample >> 32)});
  }

 private:
  std::array<std::uint32_t, 2> key_;
  SampleKey sample_;
};

constexpr double uniform(std::uint32_t word, double low, double high) {
  return low + (high - low) * to_unit(word);
}

/// Uniform whole number in [0, count).
constexpr std::int32_t below(std::uint32_t word, std::int64_t count) {
  return static_cast<std::int32_t>((std::uint64_t{word} * static_cast<std::uint64_t>(count)) >> 32);
}

/// std::floor, which is not constexpr before C++23. @pre |value| < 2^31
constexpr std::int32_t floor_of(double value) {
  const auto whole = static_cast<std::int64_t>(value);  // towards zero
  return static_cast<std::int32_t>(static_cast<double>(whole) > value ? whole - 1 : whole);
}

struct Angle {
  double sine;
  double cosine;
};

/// Taylor series to the 23rd power: in [-pi, pi] the first term left out is below 1e-11. Horner's scheme from
/// the highest power down.
constexpr Angle angle(double degrees) {
  if (degrees == 0) return {0, 1};
  const double x = degrees * (std::numbers::pi / 180.0);
  const double square = x * x;
  double sine = 1.0;
  double cosine = 1.0;
  for (int n = 11; n >= 1; --n) {
    sine = 1.0 - sine * square / ((2.0 * n) * (2.0 * n + 1.0));
    cosine = 1.0 - cosine * square / ((2.0 * n - 1.0) * (2.0 * n));
  }
  return {sine * x, cosine};
}

using Matrix = std::array<double, 6>;  // two rows of a 3 x 3 matrix whose last row is (0, 0, 1)

constexpr Matrix operator*(const Matrix& a, const Matrix& b) {
  return {a[0] * b[0] + a[1] * b[3], a[0] * b[1] + a[1] * b[4], a[0] * b[2] + a[1] * b[5] + a[2],
          a[3] * b[0] + a[4] * b[3], a[3] * b[1] + a[4] * b[4], a[3] * b[2] + a[4] * b[5] + a[5]};
}

/// Pixels that an image moves along an axis of `extent` pixels.
/// @param sign_word  decides the sign of a choice; its first bit alone
constexpr double shift(std::uint32_t word, std::uint32_t sign_word, const ShiftRange& range,
                       std::int64_t extent) {
  const double unit = range.is_fraction() ? static_cast<double>(extent) : 1.0;
  if (range.count > 0) {
    const double choice =
        range.choices[static_cast<std::size_t>(below(word, static_cast<std::int64_t>(range.count)))];
    return ((sign_word >> 31) != 0 ? -choice : choice) * unit;
  }
  if (range.is_fraction() || range.continuous) return uniform(word, -range.amount, range.amount) * unit;
  const auto pixels = static_cast<std::int64_t>(range.amount);
  return static_cast<double>(below(word, 2 * pixels + 1) - pixels);
}

constexpr bool needs_matrix(const AugmentationOptions& o) {
  return o.rotation_range != 0 || !o.width_shift_range.is_off() || !o.height_shift_range.is_off() ||
         o.shear_range != 0 || o.zoom_low != 1 || o.zoom_high != 1;
}

constexpr AffineParameters draw_affine(const AugmentationOptions& o, const SampleShape& shape,
                                       const Draws& draws) {
  AffineParameters drawn;
  if (o.rotation_range != 0)
    drawn.rotation = uniform(draws.words(Slot::rotation)[0], -o.rotation_range, o.rotation_range);
  if (!o.height_shift_range.is_off() || !o.width_shift_range.is_off()) {
    const auto words = draws.words(Slot::shift);
    drawn.shift_rows = shift(words[0], words[2], o.height_shift_range, shape.height);
    drawn.shift_columns = shift(words[1], words[3], o.width_shift_range, shape.width);
  }
  if (o.shear_range != 0) drawn.shear = uniform(draws.words(Slot::shear)[0], -o.shear_range, o.shear_range);
  if (o.zoom_low != 1 || o.zoom_high != 1) {
    const auto words = draws.words(Slot::zoom);
    drawn.zoom_rows = uniform(words[0], o.zoom_low, o.zoom_high);
    drawn.zoom_columns = uniform(words[1], o.zoom_low, o.zoom_high);
  }
  return drawn;
}

/// See affine_matrix() in plan.hpp.
constexpr std::array<std::int32_t, 6> fixed_matrix(const AffineParameters& p, const SampleShape& shape) {
  const auto [rotation_sine, rotation_cosine] = angle(p.rotation);
  const auto [shear_sine, shear_cosine] = angle(p.shear);
  const double row = static_cast<double>(shape.height) / 2 - 0.5;
  const double column = static_cast<double>(shape.width) / 2 - 0.5;
  const Matrix rotation{rotation_cosine, -rotation_sine, 0, rotation_sine, rotation_cosine, 0};
  const Matrix transform =
      Matrix{1, 0, row, 0, 1, column} * rotation * Matrix{1, 0, p.shift_rows, 0, 1, p.shift_columns} *
      Matrix{1, -shear_sine, 0, 0, shear_cosine, 0} * Matrix{p.zoom_rows, 0, 0, 0, p.zoom_columns, 0} *
      Matrix{1, 0, -row, 0, 1, -column};
  std::array<std::int32_t, 6> fixed{};
  for (std::size_t i = 0; i < 6; ++i) fixed[i] = floor_of(transform[i] * 65536.0 + 0.5);
  return fixed;
}

/// See draw_plan() in plan.hpp.
constexpr AugmentationPlan plan_of(const AugmentationOptions& options, const SampleShape& shape,
                                   std::array<std::uint32_t, 2> key, SampleKey sample) {
  const Draws draws(key, sample);
  AugmentationPlan plan;
  if (needs_matrix(options)) plan.matrix = fixed_matrix(draw_affine(options, shape, draws), shape);
  if (options.channel_shift_range != 0)
    plan.channel_shift = static_cast<float>(uniform(
        draws.words(Slot::channel_shift)[0], -options.channel_shift_range, options.channel_shift_range));
  if (options.horizontal_flip || options.vertical_flip) {
    const auto words = draws.words(Slot::flips);
    plan.flip_horizontal = options.horizontal_flip && (words[0] >> 31) != 0;
    plan.flip_vertical = options.vertical_flip && (words[1] >> 31) != 0;
  }
  if (options.brightness_low != 1 || options.brightness_high != 1)
    plan.brightness = static_cast<float>(
        uniform(draws.words(Slot::brightness)[0], options.brightness_low, options.brightness_high));
  if (options.crop_padding != 0) {
    const auto words = draws.words(Slot::crop);
    plan.crop_row = below(words[0], 2 * options.crop_padding + 1) - options.crop_padding;
    plan.crop_column = below(words[1], 2 * options.crop_padding + 1) - options.crop_padding;
  }
  if (options.cutout_size != 0) {
    const auto words = draws.words(Slot::cutout);
    plan.cutout_row = below(words[0], shape.height) - options.cutout_size / 2;
    plan.cutout_column = below(words[1], shape.width) - options.cutout_size / 2;
  }
  return plan;
}

/// See extended_index() in resample.hpp.
constexpr std::int64_t extended(std::int64_t index, std::int64_t extent, FillMode mode) {
  if (index >= 0 && index < extent) return index;
  switch (mode) {
    case FillMode::nearest:
      return index < 0 ? 0 : extent - 1;
    case FillMode::reflect: {
      const std::int64_t period = 2 * extent;
      const std::int64_t place = ((index % period) + period) % period;
      return place < extent ? place : period - 1 - place;
    }
    case FillMode::wrap:
      return ((index % extent) + extent) % extent;
    case FillMode::constant:
      break;
  }
  return -1;
}

}  // namespace annulus::io::rules
