// The last stage of the generator: pixel values to network input, in the layout the backend asks for.
#pragma once

#include <limits>
#include <span>
#include <vector>

#include "io/augmentation/augmentation.hpp"

namespace annulus::io {

/// x -> x * scale[c] + offset[c]: rescaling, mean and deviation in one multiplication and one addition, each
/// rounded once (never fused), so that every device gets the same bits. One entry per value of an image row,
/// so that the loop over a row of interleaved channels is a plain one.
struct ValueMap {
  std::vector<float> scale;   ///< (W * C)
  std::vector<float> offset;  ///< (W * C)
};

/// @pre check() accepted the normalisation   Kind per_sample gives the rescaling alone.
ValueMap make_value_map(const Normalisation& normalisation, const SampleShape& shape);

/// Mean and deviation of the rescaled image over all its values, as Keras' samplewise_center and
/// samplewise_std_normalization: x -> (x - mean) / (deviation + 1e-6). In double, in a fixed order.
ValueMap make_sample_map(const float* image, float rescale, const SampleShape& shape);

struct ValueRange {
  float low = -std::numeric_limits<float>::infinity();
  float high = std::numeric_limits<float>::infinity();
};
/// Smallest and largest value of an image; NaN does not count.
ValueRange range_of(std::span<const float> image);

/// Adds `shift` and clips to `range`; 0 leaves the image as it is.
void shift_channels(float shift, const ValueRange& range, std::span<float> image);
/// Multiplies by `factor` and clips to `range`; 1 leaves the image as it is.
void change_brightness(float factor, const ValueRange& range, std::span<float> image);

/// Writes the mapped image in `layout`.
/// @tparam Value  float or std::uint8_t
/// @param image  (H, W, C) in pixel units   @param output  H*W*C floats
template <class Value>
void write_image(const Value* image, const ValueMap& map, const SampleShape& shape, PixelLayout layout,
                 float* output);

}  // namespace annulus::io
