// The last stage of the generator: pixel values to network input, in the layout the backend asks for.
#pragma once

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

/// Adds `shift`, then multiplies by `factor`; after each the values are clipped to [low, high].
struct Photometric {
  float shift = 0;
  float factor = 1;
  float low = 0;
  float high = 0;
};
void change_brightness(const Photometric& change, std::span<float> image);

/// Writes the mapped image in `layout`.
/// @tparam Value  float or std::uint8_t
/// @param image  (H, W, C) in pixel units   @param output  H*W*C floats
template <class Value>
void write_image(const Value* image, const ValueMap& map, const SampleShape& shape, PixelLayout layout,
                 float* output);

}  // namespace annulus::io
