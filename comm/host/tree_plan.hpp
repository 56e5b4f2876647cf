// The tree across ranks as a list of additions. Private to comm.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "comm/host/shard_tree.hpp"

namespace annulus::comm {

/// One addition: node `right` is added into node `left`.
struct Addition {
  std::size_t left = 0;
  std::size_t right = 0;
  bool operator==(const Addition&) const = default;
};

/// Every rank's maximal nodes in shard order, and how they combine to the root. The same on every rank: ranks
/// never tell each other what to add. tree_plan.cpp has a drawn example.
struct TreePlan {
  std::vector<ShardRange> nodes;
  std::vector<std::size_t> first;  ///< by rank: its first node; one more entry for the end
  std::vector<Addition> additions;

  std::size_t first_node(int rank) const { return first[static_cast<std::size_t>(rank)]; }
  std::size_t nodes_of(int rank) const { return first_node(rank + 1) - first_node(rank); }
};

/// @pre shards is a multiple of ranks
TreePlan make_tree_plan(std::int64_t shards, int ranks);

/// Adds up all nodes in the order of the plan. The last sum, the root's, goes to `result`, the others to
/// their left operand.
/// @param operand  float* operand(std::size_t node)
/// @param add  void add(float* into, float* left, float* right)
template <class Operand, class Add>
void add_up(const TreePlan& plan, float* result, const Operand& operand, const Add& add) {
  for (std::size_t i = 0; i < plan.additions.size(); ++i) {
    const auto [left, right] = plan.additions[i];
    const bool is_root = i + 1 == plan.additions.size();
    add(is_root ? result : operand(left), operand(left), operand(right));
  }
}

/// Whether the nodes are a power of two, summed in pairs, pairs of pairs and so on:
/// ((0+1)+(2+3))+((4+5)+(6+7)).
bool pairs_up(const TreePlan& plan);

}  // namespace annulus::comm
