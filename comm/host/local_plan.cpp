// Walks the maximal nodes in shard order, handing out buffers on the way.
#include "comm/host/local_plan.hpp"

#include <algorithm>
#include <set>

namespace annulus::comm {
namespace {

class Walk {
 public:
  explicit Walk(LocalPlan& plan) : plan_(plan) {}

  /// @return the buffer that holds the sum of `range` once its last shard is complete
  std::size_t visit(ShardRange range) {
    if (range.size() == 1) {
      plan_.shard_buffers.push_back(take());
      plan_.merges.emplace_back();
      return plan_.shard_buffers.back();
    }
    const std::int64_t middle = split_point(range);
    const std::size_t left = visit({range.begin, middle});
    const std::size_t right = visit({middle, range.end});
    plan_.merges.back().push_back({left, right});
    free_.insert(right);
    return left;
  }

 private:
  std::size_t take() {
    if (free_.empty()) return plan_.buffers++;
    return free_.extract(free_.begin()).value();
  }

  LocalPlan& plan_;
  std::set<std::size_t> free_;
};

}  // namespace

LocalPlan make_local_plan(std::int64_t shards, ShardRange owned) {
  LocalPlan plan;
  plan.nodes = maximal_nodes(shards, owned);
  Walk walk(plan);
  for (const ShardRange& node : plan.nodes) plan.node_buffers.push_back(walk.visit(node));
  return plan;
}

}  // namespace annulus::comm
