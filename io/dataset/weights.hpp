// Weights of samples out of a dataset. Internal to io/dataset.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "io/hdf5/file.hpp"

namespace annulus::io {

/// Reads a weight for each of `samples` images: numbers of any type, as float32, of the shape (N), with
/// further extents of 1, or (1, N) as MATLAB writes a column.
/// @throws DataError for another shape or number of them, and for what is not finite or below 0, naming the
/// row
std::vector<float> read_weights(const Hdf5File& file, const std::string& name, std::uint64_t samples);

}  // namespace annulus::io
