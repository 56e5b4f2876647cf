// Mean and deviation of a training set, for per-feature normalisation.
#pragma once

#include "io/augmentation.hpp"
#include "io/sample_source.hpp"

namespace annulus::io {

/// Reads the whole source once and returns a per-feature normalisation: per channel the mean and the standard
/// deviation over (N, H, W), in rescaled units. Every rank that asks gets the same bits: integer pixels are
/// summed exactly, float pixels in double in the stored order. A channel that is constant gets deviation 1,
/// with a warning.
/// @throws DataError if the source is empty or holds values that are not finite
Normalisation measure_features(SampleSource& source, float rescale);

}  // namespace annulus::io
