// The tree inside one rank. No thread waits for another: of the two that complete the children of a node, the
// one that comes second adds them and goes on upwards. Which of them that is changes from run to run, what it
// adds does not: always the right child's buffer into the left one's.
#include "comm/host/local_sum.hpp"

#include <utility>

#include "base/error.hpp"
#include "comm/host/add.hpp"

namespace annulus::comm {

LocalSum::LocalSum(const ReducerOptions& options, ShardRange owned, std::vector<float*> node_buffers)
    : elements_(options.elements),
      buckets_(options.buckets),
      owned_(owned),
      maximal_(maximal_nodes(options.shards, owned)),
      leaves_(static_cast<std::size_t>(owned.size())),
      complete_(options.buckets.size()),
      pool_(options.elements) {
  for (const ShardRange& node : maximal_) build(node, -1);
  for (std::size_t i = 0; i < node_buffers.size(); ++i) leaf(maximal_[i].begin).given = node_buffers[i];
  arrivals_ = std::vector<std::atomic<int>>(nodes_.size() * buckets_.size());
}

int LocalSum::build(ShardRange range, int parent) {
  const int index = static_cast<int>(nodes_.size());
  nodes_.push_back({range, parent});
  if (range.size() == 1) {
    leaf(range.begin).node = index;
  } else {
    const std::int64_t middle = split_point(range);
    build({range.begin, middle}, index);
    build({middle, range.end}, index);
  }
  return index;
}

LocalSum::Leaf& LocalSum::leaf(std::int64_t shard) {
  return leaves_[static_cast<std::size_t>(shard - owned_.begin)];
}

const LocalSum::Leaf& LocalSum::leaf(std::int64_t shard) const {
  return leaves_[static_cast<std::size_t>(shard - owned_.begin)];
}

float* LocalSum::node(std::size_t i) const { return leaf(maximal_[i].begin).buffer; }

std::span<float> LocalSum::begin_shard(std::int64_t shard) {
  expect_contract(owned_.begin <= shard && shard < owned_.end, "a rank begins only shards it owns");
  Leaf& mine = leaf(shard);
  expect_contract(mine.buffer == nullptr && mine.reported == 0, "a shard begins once a step");
  if (float* kept = kept_.exchange(nullptr)) pool_.give_back(kept);
  mine.buffer = mine.given != nullptr ? mine.given : pool_.take();
  return {mine.buffer, elements_};
}

/// E.g. four shards, finished in the order 2, 0, 3, 1:
///     2 finds [2,4) alone and leaves; 0 finds [0,2) alone and leaves
///     3 comes second to [2,4): buffer 2 += buffer 3; at [0,4) it is first, and leaves
///     1 comes second to [0,2): buffer 0 += buffer 1; second to [0,4): buffer 0 += buffer 2; done
void LocalSum::bucket_ready(std::int64_t shard, std::size_t bucket) {
  expect_contract(owned_.begin <= shard && shard < owned_.end, "a rank reports only shards it owns");
  expect_contract(bucket < buckets_.size(), "a reported bucket exists");
  Leaf& mine = leaf(shard);
  expect_contract(mine.buffer != nullptr, "a shard begins before its buckets are ready");
  expect_contract(mine.reported.fetch_add(1) == bucket, "the buckets of a shard are reported once, in order");

  // acq_rel: the second to arrive sees what the first wrote, and passes both on.
  int parent = nodes_[static_cast<std::size_t>(mine.node)].parent;
  while (parent >= 0) {
    auto& arrived = arrivals_[static_cast<std::size_t>(parent) * buckets_.size() + bucket];
    if (arrived.fetch_add(1, std::memory_order_acq_rel) == 0) return;  // the sibling will go on
    merge(nodes_[static_cast<std::size_t>(parent)], bucket);
    parent = nodes_[static_cast<std::size_t>(parent)].parent;
  }
  complete_[bucket].fetch_add(1, std::memory_order_acq_rel);
}

void LocalSum::merge(const Node& parent, std::size_t bucket) {
  Leaf& left = leaf(parent.range.begin);
  Leaf& right = leaf(split_point(parent.range));
  const auto [begin, end] = buckets_[bucket];
  add(left.buffer + begin, left.buffer + begin, right.buffer + begin, end - begin);
  // Only after its last bucket is nobody left who reads the buffer.
  if (right.merged.fetch_add(1, std::memory_order_acq_rel) + 1 == buckets_.size()) {
    pool_.give_back(right.buffer);
    right.buffer = nullptr;
  }
}

bool LocalSum::ready(std::size_t bucket) const {
  return complete_[bucket].load(std::memory_order_acquire) == static_cast<int>(maximal_.size());
}

/// Relaxed: between two steps only one thread is here, and whoever hands out the next shards orders what it
/// wrote before them.
void LocalSum::restart() {
  for (const ShardRange& range : maximal_) {
    Leaf& first = leaf(range.begin);
    float* free = std::exchange(first.buffer, nullptr);
    if (first.given != nullptr) continue;
    if (range.begin == owned_.begin)
      kept_ = free;
    else
      pool_.give_back(free);
  }
  for (Leaf& each : leaves_) {
    each.reported.store(0, std::memory_order_relaxed);
    each.merged.store(0, std::memory_order_relaxed);
  }
  for (auto& arrived : arrivals_) arrived.store(0, std::memory_order_relaxed);
  for (auto& done : complete_) done.store(0, std::memory_order_relaxed);
}

}  // namespace annulus::comm
