// A picture of what the augmentation does: originals beside their variants, for people to look at.
#pragma once

#include <cstdint>
#include <string>

#include "io/augmentation/augmentation.hpp"
#include "io/dataset/sample_source.hpp"
#include "io/files/atomic_file.hpp"

namespace annulus::io {

struct ContactSheetOptions {
  int samples = 8;   ///< rows: samples spread evenly over the source
  int variants = 8;  ///< columns beside the original: what epochs 0, 1, ... make of the sample
  int scale = 0;  ///< every pixel becomes scale x scale pixels; 0 = as many as make an image 64 pixels high
  Existing existing = Existing::replace;
};

/// Writes a PNG sheet: one row per sample, the original first. Pixels are as they are before normalisation;
/// float pixels are stretched between the lowest and the highest value of the originals. One channel is shown
/// grey, three in colour; of any other number the first.
/// @throws UsageError if nothing was asked for or the sheet would be too large; RuntimeError if it cannot be
/// written
void write_contact_sheet(SampleSource& source, const AugmentationOptions& augmentation, std::uint64_t seed,
                         const ContactSheetOptions& options, const std::string& path);

}  // namespace annulus::io
