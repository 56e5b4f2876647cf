// The shuffled order of data that are stored in chunks, a stream for every shard. Internal to io/loading.
#pragma once

#include <cstdint>
#include <memory>

#include "io/dataset/row_set.hpp"

namespace annulus::io {

/// What the order of an epoch follows from.
struct ChunkOrderKey {
  std::uint64_t samples = 0;  ///< N
  std::uint64_t chunk = 1;    ///< rows stored together
  std::uint64_t window = 1;   ///< chunks of a stream that are mixed with each other
  std::uint64_t seed = 0;
  std::uint64_t epoch = 0;
  std::shared_ptr<const RowSet> rows = {};  ///< that the samples are; null: all of them
};

/// A run of the places of an epoch that one stream walks.
struct Stream {
  std::uint64_t number = 0;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint64_t phase = 0;  ///< chunks by which its windows begin earlier than those of stream 0
};

/// The line on which the chunks of a file lie one behind the other in an epoch, each in its slot.
class ChunkLine;

class ChunkOrder {
 public:
  explicit ChunkOrder(ChunkOrderKey key);
  ~ChunkOrder();

  std::uint64_t epoch() const { return key_.epoch; }
  /// The sample at a position of a stream, counted from its begin. @pre position < end - begin
  std::uint64_t sample(const Stream& stream, std::uint64_t position) const;

 private:
  ChunkOrderKey key_;
  std::unique_ptr<const ChunkLine> line_;
};

}  // namespace annulus::io
