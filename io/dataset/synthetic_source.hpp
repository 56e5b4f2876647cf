// Random images, and vectors, in memory: for benchmarks that must not depend on a file.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "io/dataset/sample_source.hpp"

namespace annulus::io {

struct SyntheticOptions {
  std::uint64_t samples = 10000;
  SampleShape shape;
  std::int64_t classes = 10;
  std::uint64_t seed = 1;
  std::vector<NamedVector> vectors = {};
};

/// uint8 images whose brightness depends on the label, so that a network can learn something; vectors of
/// noise in [-1, 1).
std::unique_ptr<SampleSource> make_synthetic_source(const SyntheticOptions& options);

}  // namespace annulus::io
