// The decisions for one sample: drawn from counters and derived with plain arithmetic, so that any device
// that is given the same key comes to the same plan, bit for bit. Resampling is a separate matter.
#pragma once

#include <array>
#include <cstdint>

#include "io/augmentation/augmentation.hpp"

namespace annulus::io {

/// What happens to one sample. Pixel units; rows before columns.
struct AugmentationPlan {
  /// Source position of output pixel (row, column), in 1/65536 pixels:
  /// source_row = m[0] row + m[1] column + m[2], source_column = m[3] row + m[4] column + m[5]. The output
  /// may have another size than the source.
  std::array<std::int32_t, 6> matrix{1 << 16, 0, 0, 0, 1 << 16, 0};
  float channel_shift = 0;
  float image_low = 0;  ///< what a channel shift is clipped to with ShiftClip::image; a GPU keeps it here
  float image_high = 0;
  float brightness = 1;
  bool flip_horizontal = false;
  bool flip_vertical = false;
  std::int32_t crop_row = 0;  ///< offset of the crop: output row r shows row r + crop_row
  std::int32_t crop_column = 0;
  std::int32_t cutout_row = 0;  ///< upper left corner of the square, may lie outside
  std::int32_t cutout_column = 0;

  /// No resampling at all.
  constexpr bool is_untransformed() const { return is_whole_shift() && matrix[2] == 0 && matrix[5] == 0; }
  /// The image moves by whole pixels, so that rows can be copied.
  constexpr bool is_whole_shift() const {
    return matrix[0] == 1 << 16 && matrix[1] == 0 && matrix[3] == 0 && matrix[4] == 1 << 16 &&
           (matrix[2] & 0xFFFF) == 0 && (matrix[5] & 0xFFFF) == 0;
  }
};

/// An affine transformation of output positions to source positions, in Keras' terms.
struct AffineParameters {
  double rotation = 0;    ///< degrees
  double shift_rows = 0;  ///< pixels
  double shift_columns = 0;
  double shear = 0;  ///< degrees
  double zoom_rows = 1;
  double zoom_columns = 1;
};

/// Whose plan: the words of the random counter.
struct SampleKey {
  std::uint64_t epoch = 0;
  std::uint64_t sample = 0;
};

/// Draws the plan of a sample. Every transformation has counter words of its own: turning one on or off does
/// not change what another one does.
/// @param shape  of the stored image   @param key  stream_key(seed, Purpose::augment)
AugmentationPlan draw_plan(const AugmentationOptions& options, const SampleShape& shape,
                           std::array<std::uint32_t, 2> key, SampleKey sample);

}  // namespace annulus::io
