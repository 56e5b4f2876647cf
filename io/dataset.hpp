// A split of an HDF5 dataset file as a sample source: resident in memory (once per node) when it fits the
// budget, streamed from disk otherwise.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/node_memory.hpp"
#include "io/sample_source.hpp"

namespace annulus::io {

/// Which data sets of which file. Names are HDF5 paths, so foreign files work too.
struct DatasetOptions {
  std::string path;
  std::string images = "train/images";                    ///< (N, H, W, C) or (N, H, W), uint8 or float32
  std::string labels = "train/labels";                    ///< (N), any integer type
  std::uint64_t limit = 0;                                ///< use only the first `limit` samples; 0 = all
  std::uint64_t resident_bytes = std::uint64_t{4} << 30;  ///< keep in memory up to this size
};

/// Opens and validates: shapes, types, counts, label range, class names. Collective over the ranks of a host
/// when the data become resident.
/// @param memory  where resident data live (shared by the ranks of a node, or private)
/// @throws DataError naming file, dataset, row and what to try
std::unique_ptr<SampleSource> open_dataset(const DatasetOptions& options, const NodeMemoryFactory& memory);

}  // namespace annulus::io
