// The arithmetic of augmentation plans, shared by the CPU's generator and the kernels of a GPU: integers
// drawn from the counter-based generator, turned into parameters by plain arithmetic (no library sine), whose
// every result IEEE 754 fixes on any device. All functions are constexpr, which is what lets kernels call
// them.
#pragma once

#include <array>
#include <cstdint>
#include <numbers>

#include "io/augmentation/crop_rules.hpp"
#include "io/augmentation/draws.hpp"
#include "io/augmentation/plan.hpp"

namespace annulus::io::rules {

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

/// What an image is extended with where the affine stage looks beyond it. Without one, a crop that is
/// enlarged looks half a pixel over the edge at most, and finds what is there.
constexpr FillMode affine_fill(const AugmentationOptions& options) {
  return needs_matrix(options) ? options.fill_mode : FillMode::nearest;
}

/// Source position of a position in the transformed image, which is as large.
constexpr Matrix affine_matrix(const AffineParameters& p, const SampleShape& shape) {
  const auto [rotation_sine, rotation_cosine] = angle(p.rotation);
  const auto [shear_sine, shear_cosine] = angle(p.shear);
  const double row = static_cast<double>(shape.height) / 2 - 0.5;
  const double column = static_cast<double>(shape.width) / 2 - 0.5;
  const Matrix rotation{rotation_cosine, -rotation_sine, 0, rotation_sine, rotation_cosine, 0};
  return Matrix{1, 0, row, 0, 1, column} * rotation * Matrix{1, 0, p.shift_rows, 0, 1, p.shift_columns} *
         Matrix{1, -shear_sine, 0, 0, shear_cosine, 0} * Matrix{p.zoom_rows, 0, 0, 0, p.zoom_columns, 0} *
         Matrix{1, 0, -row, 0, 1, -column};
}

constexpr std::array<std::int32_t, 6> to_fixed(const Matrix& transform) {
  std::array<std::int32_t, 6> fixed{};
  for (std::size_t i = 0; i < 6; ++i) fixed[i] = floor_of(transform[i] * 65536.0 + 0.5);
  return fixed;
}

constexpr std::array<std::int32_t, 6> fixed_matrix(const AffineParameters& p, const SampleShape& shape) {
  return to_fixed(affine_matrix(p, shape));
}

/// See AugmentationPlan::matrix: the window of a crop, seen in the transformed image.
constexpr std::array<std::int32_t, 6> draw_matrix(const AugmentationOptions& options,
                                                  const SampleShape& shape, const Draws& draws) {
  if (options.crop == Crop::none) return fixed_matrix(draw_affine(options, shape, draws), shape);
  const Matrix window = window_matrix(draw_window(options, shape, draws), options);
  if (!needs_matrix(options)) return to_fixed(window);
  return to_fixed(affine_matrix(draw_affine(options, shape, draws), shape) * window);
}

constexpr bool flips_horizontally(const AugmentationOptions& options, std::array<std::uint32_t, 2> key,
                                  SampleKey sample, std::uint32_t word) {
  if (!options.horizontal_flip) return false;
  if (!options.alternating_flip) return (word >> 31) != 0;
  const std::uint32_t first = Draws(key, {0, sample.sample}).words(Slot::alternating_flip)[0] >> 31;
  return ((first + sample.epoch) & 1) != 0;
}

/// See draw_plan() in plan.hpp.
constexpr AugmentationPlan plan_of(const AugmentationOptions& options, const SampleShape& shape,
                                   std::array<std::uint32_t, 2> key, SampleKey sample) {
  const Draws draws(key, sample);
  AugmentationPlan plan;
  if (needs_matrix(options) || options.crop != Crop::none) plan.matrix = draw_matrix(options, shape, draws);
  if (options.channel_shift_range != 0)
    plan.channel_shift = static_cast<float>(uniform(
        draws.words(Slot::channel_shift)[0], -options.channel_shift_range, options.channel_shift_range));
  if (options.horizontal_flip || options.vertical_flip) {
    const auto words = draws.words(Slot::flips);
    plan.flip_horizontal = flips_horizontally(options, key, sample, words[0]);
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
    const SampleShape output = output_of(options, shape);
    plan.cutout_row = below(words[0], output.height) - options.cutout_size / 2;
    plan.cutout_column = below(words[1], output.width) - options.cutout_size / 2;
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
