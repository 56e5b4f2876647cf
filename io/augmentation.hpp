// The augmentation generator: raw pixels to normalised float images, with Keras' names for the
// transformations. What happens to a sample is a pure function of (seed, epoch, sample number): never of
// rank, thread or order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/shape.hpp"
#include "io/batch.hpp"
#include "io/sample_source.hpp"

namespace annulus::io {

enum class FillMode { nearest, constant, reflect, wrap };

/// Random transformations of an image, in the units of Keras' ImageDataGenerator. All off by default.
struct AugmentationOptions {
  float rotation_range = 0;      ///< degrees: angle uniform in [-r, r]
  float width_shift_range = 0;   ///< fraction of the width (>= 1: pixels)
  float height_shift_range = 0;  ///< fraction of the height (>= 1: pixels)
  float shear_range = 0;         ///< degrees
  float zoom_low = 1;            ///< zoom factor uniform in [low, high], per axis
  float zoom_high = 1;
  bool horizontal_flip = false;
  bool vertical_flip = false;
  float brightness_low = 1;  ///< factor uniform in [low, high]
  float brightness_high = 1;
  float channel_shift_range = 0;  ///< in pixel units (0..255): added per channel, clipped to the pixel range
  FillMode fill_mode = FillMode::nearest;
  float constant_value = 0;  ///< for FillMode::constant, in pixel units
  int crop_padding = 0;      ///< random crop after padding by this many pixels on each side
  int cutout_size = 0;       ///< side of a square set to the mean, in pixels; 0 = none
};

/// From pixel values to network input: x -> ((x * rescale) - mean[c]) / deviation[c].
struct Normalisation {
  enum class Kind { none, given, per_feature, per_sample };
  Kind kind = Kind::none;
  float rescale = 1.0f;     ///< applied first, e.g. 1/255
  std::vector<float> mean;  ///< per channel, in rescaled units (given, or computed from the training set)
  std::vector<float> deviation;  ///< per channel
};

/// Makes float images from raw pixels. Const and thread-safe; one generator serves all threads.
class Generator {
 public:
  Generator(const SourceInfo& source, AugmentationOptions augmentation, Normalisation normalisation,
            std::uint64_t seed);

  /// Transforms one image. @param raw  H*W*C values of the source's pixel type, channels last
  /// @param output  H*W*C floats in `layout`
  void make(std::span<const std::byte> raw, std::uint64_t epoch, std::uint64_t sample, PixelLayout layout,
            std::span<float> output) const;

 private:
  SourceInfo source_;
  AugmentationOptions augmentation_;
  Normalisation normalisation_;
  std::uint64_t seed_;
};

}  // namespace annulus::io
