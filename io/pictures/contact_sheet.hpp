// A picture of what the augmentation does: originals beside their variants, for people to look at.
#pragma once

#include <cstdint>
#include <string>

#include "io/augmentation/augmentation.hpp"
#include "io/dataset/sample_source.hpp"
#include "io/files/atomic_file.hpp"

namespace annulus::io {

struct ContactSheetOptions {
  int samples =
      8;  ///< rows: the same number of each class, where the source knows its labels, else a fixed choice
  int variants = 8;  ///< columns beside the original: what epochs 0, 1, ... make of the sample
  int scale = 0;  ///< every pixel becomes scale x scale pixels; 0 = as many as make an image 64 pixels high
  Existing existing = Existing::replace;
};

/// Writes a PNG sheet: one row per sample, in the order of classes, the original first. Pixels are as they
/// are before normalisation; floats are stretched between the lowest and the highest value of the originals,
/// and bytes from 0 to the highest when all of them are below 64. Three channels are shown in colour; one, or
/// any other number (the first eight side by side, each stretched on its own), in grey.
/// @return what a person has to know who looks at it: samples, channels, ranges
/// @throws UsageError if nothing was asked for or the sheet would be too large; RuntimeError if it cannot be
/// written
std::string write_contact_sheet(SampleSource& source, const AugmentationOptions& augmentation,
                                std::uint64_t seed, const ContactSheetOptions& options,
                                const std::string& path);

}  // namespace annulus::io
