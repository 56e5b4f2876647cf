// A split that lies in many files: one after another, each of which begins with a chunk of its own. Internal
// to io/dataset.
#pragma once

#include <memory>

#include "io/dataset/stored_split.hpp"

namespace annulus::io {

/// Bytes that are read together at least, where a file stores them in smaller chunks, or in none: a file is
/// opened for them.
constexpr std::uint64_t kSmallestRead = 256 << 10;

/// Collective over the ranks of a host. @throws DataError naming the file
std::unique_ptr<StoredSplit> open_many_files(const DatasetOptions& options, const NodeMemoryFactory& memory);

}  // namespace annulus::io
