// Geometry of the augmentation: affine resampling with linear interpolation, and moves by whole pixels
// (shift, flip, crop). Works on images with channels last.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "io/augmentation/augmentation.hpp"
#include "io/dataset/sample_source.hpp"

namespace annulus::io {

/// Floats that image buffers hold beyond the last pixel: pixels are moved in fours of values.
inline constexpr std::size_t kImageSlack = 4;

/// Index of the pixel that stands at position `index` of an axis extended beyond its ends; -1 = the constant.
/// nearest: a a|a b c d|d d   reflect: b a|a b c d|d c   wrap: c d|a b c d|a b
std::int64_t extended_index(std::int64_t index, std::int64_t extent, FillMode mode);

/// Where a pixel outside the image comes from.
struct Fill {
  FillMode mode = FillMode::nearest;
  float constant = 0;
};

/// What an affine resampling needs beside the image.
struct AffineMove {
  SampleShape shape;                     ///< of the image
  SampleShape output;                    ///< of what is made of it; as many channels
  std::array<std::int32_t, 6> matrix{};  ///< see AugmentationPlan
  Fill fill;
};

/// Output pixel (r, c) = source at `matrix` with linear interpolation: order 1 of
/// scipy.ndimage.affine_transform with modes nearest, constant, reflect and grid-wrap. Positions are rounded
/// to 1/256 pixel, as texture units do: a blend of 8-bit pixels then fits the 24 bits of a float, so it is
/// exact and any device, with or without fused multiply-add, finds the same bits.
/// @param image, output  as many floats as their shapes have, and kImageSlack; in pixel units, distinct
void resample(const float* image, const AffineMove& move, float* output);

/// Source row of every output row, source column of every output column; -1 = the constant.
struct PixelMove {
  std::vector<std::int64_t> rows;
  std::vector<std::int64_t> columns;
  std::size_t source_width = 0;  ///< pixels of a row of the source
  std::size_t channels = 1;
  float constant = 0;  ///< in pixel units
};

/// Moves whole pixels: output (r, c) = image (rows[r], columns[c]).
/// @param image, output  as many floats as each has, and kImageSlack; distinct
void move_pixels(const float* image, const PixelMove& move, float* output);

}  // namespace annulus::io
