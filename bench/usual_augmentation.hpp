// An augmentation that resamples every image, as trainings on photographs use it.
#pragma once

#include "io/augmentation/augmentation.hpp"

namespace annulus::io {

inline AugmentationOptions full_affine() {
  AugmentationOptions options;
  options.rotation_range = 15;
  options.width_shift_range = 0.1f;
  options.height_shift_range = 0.1f;
  options.zoom_low = 0.9f;
  options.zoom_high = 1.1f;
  options.horizontal_flip = true;
  options.brightness_low = 0.8f;
  options.brightness_high = 1.2f;
  return options;
}

}  // namespace annulus::io
