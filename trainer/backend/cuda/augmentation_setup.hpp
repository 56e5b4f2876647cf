// The constants of augmentation on the GPU, from the configuration. No CUDA in here.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "io/augmentation/output.hpp"
#include "io/dataset/sample_source.hpp"
#include "trainer/backend/cuda/kernels/augmentation_body.hpp"

namespace annulus::trainer::cuda {

/// What the configuration says about images.
struct ImageOptions {
  io::AugmentationOptions augmentation;
  io::Normalisation normalisation;
  std::uint64_t seed = 0;
};

struct AugmentationSetup {
  AugmentationConstants constants;
  bool augments = false;     ///< false: no plan is needed, and images keep their size
  std::vector<float> scale;  ///< (C); empty when each image is normalised by itself
  std::vector<float> offset;
};

inline AugmentationSetup set_up_augmentation(const io::SourceInfo& source, const ImageOptions& options) {
  constexpr float kEndless = std::numeric_limits<float>::infinity();
  const bool bytes = source.pixels == io::PixelType::uint8;
  AugmentationSetup setup;
  setup.constants = {.options = options.augmentation,
                     .shape = source.shape,
                     .output = io::output_shape(options.augmentation, source.shape),
                     .key = stream_key(options.seed, Purpose::augment),
                     .low = bytes ? 0.0f : -kEndless,
                     .high = bytes ? 255.0f : kEndless,
                     .rescale = options.normalisation.rescale};
  setup.augments = io::changes_images(options.augmentation);
  if (options.normalisation.kind == io::Normalisation::Kind::per_sample) return setup;
  const io::ValueMap map = io::make_value_map(options.normalisation, source.shape);
  const auto channels = static_cast<std::ptrdiff_t>(source.shape.channels);
  setup.scale.assign(map.scale.begin(), map.scale.begin() + channels);
  setup.offset.assign(map.offset.begin(), map.offset.begin() + channels);
  return setup;
}

}  // namespace annulus::trainer::cuda
