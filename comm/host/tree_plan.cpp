// Walks the shard tree from the root down to nodes that one rank holds.
#include "comm/host/tree_plan.hpp"

#include <algorithm>
#include <bit>

namespace annulus::comm {
namespace {

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
