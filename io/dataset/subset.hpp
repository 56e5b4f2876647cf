// A part of a source, as a source of its own: training and validation samples of one stored split.
#pragma once

#include <memory>
#include <string>

#include "base/node_memory.hpp"
#include "io/dataset/row_set.hpp"
#include "io/dataset/sample_source.hpp"

namespace annulus::io {

/// Sample i is row rows->row(i) of the whole. Chunks stay those of the whole: SourceInfo::rows tells the
/// sampler which samples lie in which of them.
/// @param whole  is resident where it has several parts: these may be read at the same time
/// @pre rows->whole() is the number of samples of the whole, which has an end
std::unique_ptr<SampleSource> make_subset(std::shared_ptr<SampleSource> whole,
                                          std::shared_ptr<const RowSet> rows, const std::string& name);

/// Reads a source once, every rank of the host its share, and keeps all of it in memory that they share: for
/// a small part of a large file, of which each pass would read every chunk. Collective over the ranks of a
/// host.
/// @throws what reading throws, on all of them
std::unique_ptr<SampleSource> keep_in_memory(SampleSource& source, const NodeMemoryFactory& memory);

}  // namespace annulus::io
