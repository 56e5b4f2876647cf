// A dataset larger than memory: whole chunks are read and kept while the shuffle window needs them. Internal
// to io/dataset.
#pragma once

#include <memory>

#include "io/dataset/stored_split.hpp"

namespace annulus::io {

/// @param cache_bytes  chunks are kept up to this size. @throws DataError when not even one chunk fits
std::unique_ptr<SampleSource> make_streaming_source(std::unique_ptr<StoredSplit> columns,
                                                    std::uint64_t cache_bytes);

}  // namespace annulus::io
