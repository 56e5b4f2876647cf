// The per-feature normalisation of a whole source at once.
#pragma once

#include <limits>

#include "io/augmentation/normalisation.hpp"

namespace annulus::test {

inline io::Normalisation measured_features(io::SampleSource& source, float rescale) {
  io::FeatureMeasurement measurement(source);
  while (measurement.read(std::numeric_limits<std::size_t>::max())) {
  }
  return measurement.result(rescale);
}

}  // namespace annulus::test
