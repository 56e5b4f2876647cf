// Splits and walks of the shard tree; nothing here knows about data.
#include "comm/host/shard_tree.hpp"

#include <bit>

#include "base/error.hpp"

namespace annulus::comm {
namespace {

void collect(ShardRange node, ShardRange range, std::vector<ShardRange>& found) {
  if (node.end <= range.begin || range.end <= node.begin) return;
  if (range.begin <= node.begin && node.end <= range.end) {
    found.push_back(node);
    return;
  }
  const std::int64_t middle = split_point(node);
  collect({node.begin, middle}, range, found);
  collect({middle, node.end}, range, found);
}

}  // namespace

std::int64_t split_point(ShardRange node) {
  expect_contract(node.size() >= 2, "only a node of two or more shards splits");
  const auto below = static_cast<std::uint64_t>(node.size() - 1);
  return node.begin + static_cast<std::int64_t>(std::bit_floor(below));
}

ShardRange owned_shards(std::int64_t shards, int rank, int ranks) {
  expect_contract(ranks >= 1 && shards >= ranks && shards % ranks == 0,
                  "the number of shards is a multiple of the number of ranks");
  expect_contract(rank >= 0 && rank < ranks, "a rank lies in [0, ranks)");
  const std::int64_t share = shards / ranks;
  return {rank * share, (rank + 1) * share};
}

std::vector<ShardRange> maximal_nodes(std::int64_t shards, ShardRange range) {
  expect_contract(0 <= range.begin && range.begin < range.end && range.end <= shards,
                  "a range of shards is not empty and lies in [0, shards)");
  std::vector<ShardRange> found;
  collect({0, shards}, range, found);
  return found;
}

}  // namespace annulus::comm
