// What the layout of images in a file costs a training that reads them. Internal to io/survey.
#pragma once

#include <cstdint>
#include <string>

#include "io/hdf5/file.hpp"

namespace annulus::io {

/// How a training streams by default: data.resident_mb, data.window_mb and batch.shards.
struct StreamingDefaults {
  std::uint64_t resident_bytes = std::uint64_t{4} << 30;
  std::uint64_t window_bytes = std::uint64_t{256} << 20;
  std::uint64_t cache_bytes = std::uint64_t{320} << 20;
  std::uint64_t shards = 4;
};

/// Costs are bytes that are read from the file, as it stores them, per stored byte of what is used of them:
/// what SampleSource::read_counts() counts.
struct LayoutCost {
  std::uint64_t chunks = 0;          ///< of the dataset; 0 = rows are stored one after another
  std::uint64_t rows_together = 1;   ///< images that streaming reads and keeps together
  std::uint64_t bytes_together = 0;  ///< of these, in memory
  std::uint64_t chunks_per_image = 1;
  double packed = 1;         ///< bytes in the file per byte of pixels
  bool fits = true;          ///< into data.resident_mb: read once, whatever its layout
  double streamed = 1;       ///< an epoch by one rank; 0: cannot be streamed with the default window
  double most_streamed = 1;  ///< the same where every shard has a rank of its own
  double single_rows = 1;    ///< images one by one in random order, as a DataLoader over h5py reads them
  std::string trouble;       ///< why to write the file anew, or nothing
};

/// @param row_bytes  of an image in memory
LayoutCost layout_cost(const DatasetInfo& images, std::uint64_t row_bytes,
                       const StreamingDefaults& defaults = {});

/// Two lines for people, without what begins or ends them.
std::string layout_text(const LayoutCost& cost, const DatasetInfo& images);
std::string reading_text(const LayoutCost& cost);

}  // namespace annulus::io
