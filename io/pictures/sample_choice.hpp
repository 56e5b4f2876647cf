// Which samples are worth a look. Internal to io/pictures.
#pragma once

#include <cstdint>
#include <vector>

#include "io/dataset/sample_source.hpp"

namespace annulus::io {

/// At most `wanted` different samples: where the source knows its labels, in the order of the classes, the
/// same number of each as far as it has them; else mixed, as a fixed distance would meet the order in which
/// classes were dealt out.
std::vector<std::uint64_t> choose_samples(const SampleSource& source, std::uint64_t wanted);

}  // namespace annulus::io
