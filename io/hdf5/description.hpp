// What there is to know of a dataset before its values are read, and what of it cannot be true. Internal to
// io/hdf5.
#pragma once

#include <cstdint>

#include "io/hdf5/library.hpp"

namespace annulus::io {

/// @param dataset  an open one
/// @throws DataError for values in other files, filters and chunks that are not read, and extents that cannot
/// be true
DatasetInfo describe_dataset_object(hid_t dataset, const Hdf5Place& place);

/// Chunks that the file holds. Walks their index. @throws DataError
std::uint64_t count_chunks(hid_t dataset, const Hdf5Place& place);

}  // namespace annulus::io
