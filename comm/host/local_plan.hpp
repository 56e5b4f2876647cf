// The sum of one rank's shards when they come one after another, as on a GPU. Private to comm.
#pragma once

#include <cstddef>
#include <vector>

#include "comm/host/shard_tree.hpp"

namespace annulus::comm {

/// Which buffer every shard is written to, and what is summed when it is complete. The order is that of
/// LocalSum; known beforehand, it needs no bookkeeping while work is enqueued and gives the same pointers in
/// every step.
struct LocalPlan {
  struct Merge {
    std::size_t into = 0;  ///< buffer that holds the left child, then the sum
    std::size_t from = 0;  ///< buffer of the right child, free from then on
    bool operator==(const Merge&) const = default;
  };
  std::size_t buffers = 0;
  std::vector<std::size_t> shard_buffers;  ///< by owned shard, in order
  std::vector<std::vector<Merge>> merges;  ///< by owned shard: what it completes, in order
  std::vector<ShardRange> nodes;           ///< maximal nodes of the share
  std::vector<std::size_t> node_buffers;   ///< by maximal node; node 0 is in buffer 0
};

/// For the share `owned` of `shards`.
LocalPlan make_local_plan(std::int64_t shards, ShardRange owned);

}  // namespace annulus::comm
