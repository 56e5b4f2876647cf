// The fixed binary tree over the shards of a step: the one order in which anything is summed, whoever sums
// it.
#pragma once

#include <cstdint>
#include <vector>

namespace annulus::comm {

/// Consecutive shards [begin, end): a node of the tree, or a rank's share.
struct ShardRange {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  std::int64_t size() const { return end - begin; }
  bool operator==(const ShardRange&) const = default;
};

/// Where a node of n > 1 shards splits: after the largest power of two below n, so aligned blocks are nodes.
std::int64_t split_point(ShardRange node);

/// Shards that a rank owns: `shards / ranks` consecutive ones.
/// @pre shards is a multiple of ranks (the config check says so to the user)
ShardRange owned_shards(std::int64_t shards, int rank, int ranks);

/// The largest tree nodes inside a range, in order: what a rank can sum by itself. One node when the range is
/// aligned (shards/ranks a power of two), a few otherwise.
std::vector<ShardRange> maximal_nodes(std::int64_t shards, ShardRange range);

}  // namespace annulus::comm
