// Walks the shard tree from the root down to nodes that one rank holds.
//
// Float addition is not associative, so the order of a sum is part of the result. Here the order belongs to
// the shards alone: a rank may only add what the tree adds, and what the tree adds across ranks is this list.
// Example, V = 6 shards on W = 2 ranks (rank 0 owns shards 0..2, rank 1 owns 3..5):
//
//     [0,6) = [0,4) + [4,6)            nodes (maximal: one rank can sum them alone)
//       [0,4) = [0,2) + [2,4)            rank 0:  0 = [0,2)   1 = [2,3)
//         [2,4) = [2,3) + [3,4)          rank 1:  2 = [3,4)   3 = [4,6)
//
//                                      additions, children first
//                                        1 += 2   ([2,4), whose halves lie on two ranks)
//                                        0 += 1   ([0,4))
//                                        0 += 3   ([0,6), the root)
//
// Adding a rank's own two nodes first ((0+1) + (2+3)) would be fewer messages and other bits than W = 1
// gives.
#include "comm/host/tree_plan.hpp"

#include <algorithm>
#include <bit>

namespace annulus::comm {
namespace {

/// A sum lies where its left child lay, so the root ends up in node 0, and the last addition is the root's:
/// the exchanges rely on both (they let it write straight into the result). Children come before their
/// parents in the list, hence whoever works through it front to back always finds both operands complete.
/// @return index of the node that holds the sum of `range`
std::size_t combine(TreePlan& plan, ShardRange range) {
  const auto known = std::ranges::find(plan.nodes, range);
  if (known != plan.nodes.end()) return static_cast<std::size_t>(known - plan.nodes.begin());
  const std::int64_t middle = split_point(range);
  const std::size_t left = combine(plan, {range.begin, middle});
  const std::size_t right = combine(plan, {middle, range.end});
  plan.additions.push_back({left, right});
  return left;
}

/// The additions of a balanced tree over nodes [first, first + count), in the order of combine.
void pair(std::size_t first, std::size_t count, std::vector<Addition>& additions) {
  if (count < 2) return;
  pair(first, count / 2, additions);
  pair(first + count / 2, count / 2, additions);
  additions.push_back({first, first + count / 2});
}

}  // namespace

TreePlan make_tree_plan(std::int64_t shards, int ranks) {
  TreePlan plan;
  for (int rank = 0; rank < ranks; ++rank) {
    plan.first.push_back(plan.nodes.size());
    const auto nodes = maximal_nodes(shards, owned_shards(shards, rank, ranks));
    plan.nodes.insert(plan.nodes.end(), nodes.begin(), nodes.end());
  }
  plan.first.push_back(plan.nodes.size());
  combine(plan, {0, shards});
  return plan;
}

bool pairs_up(const TreePlan& plan) {
  if (!std::has_single_bit(plan.nodes.size())) return false;
  std::vector<Addition> balanced;
  pair(0, plan.nodes.size(), balanced);
  return plan.additions == balanced;
}

}  // namespace annulus::comm
