// What reading samples from a file has cost.
#pragma once

#include <cstdint>

namespace annulus::io {

/// Since a source was opened, on this rank alone; nothing for samples that lie in memory or are made.
struct ReadCounts {
  std::uint64_t read_bytes = 0;  ///< of images and vectors, as the file stores them: packed where it packs
  std::uint64_t chunks_unpacked = 0;  ///< chunks of images; runs of rows where they are stored without chunks
};

}  // namespace annulus::io
