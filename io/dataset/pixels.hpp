// Pixels and vectors of any number type, as the types that a training computes with. Internal to io/dataset.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "io/dataset/sample_source.hpp"
#include "io/hdf5/file.hpp"

namespace annulus::io {

/// uint8 stays as it is; float32 is what every other number becomes. @throws DataError for what is not a
/// number
PixelType pixel_type(const DatasetInfo& images, const std::string& file, const std::string& name);

/// Whether pixels are stored as they are given out.
bool is_stored_so(const StoredType& stored, PixelType pixels);

/// What to do with a whole number that float32 cannot hold.
enum class Inexact { refuse, round };

/// Rows [first, first + count) as float32, whatever number they are stored as.
/// @param values  count * row_size() of them
/// @throws DataError naming the row of a whole number that does not fit, with Inexact::refuse
void read_floats(const Hdf5Dataset& dataset, std::uint64_t first, std::uint64_t count,
                 std::span<float> values, Inexact inexact);

}  // namespace annulus::io
