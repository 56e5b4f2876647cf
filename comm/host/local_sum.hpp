// Sums the shards of one rank along the tree, as far as the rank can by itself, on whatever threads bring the
// gradients. Private to comm.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "comm/host/buffer_pool.hpp"
#include "comm/host/exchange.hpp"
#include "comm/host/gradient_reducer.hpp"

namespace annulus::comm {

/// The maximal nodes of a rank's share and everything below them. A node's sum lies in the buffer of its
/// first shard; the thread that completes a node's second child adds it into the first.
class LocalSum final : public OwnNodes {
 public:
  /// @param node_buffers  where the sums of the maximal nodes shall lie; empty: in buffers of its own
  LocalSum(const ReducerOptions& options, ShardRange owned, std::vector<float*> node_buffers = {});

  /// As GradientReducer. Thread-safe.
  std::span<float> begin_shard(std::int64_t shard);
  void bucket_ready(std::int64_t shard, std::size_t bucket);

  bool ready(std::size_t bucket) const override;
  const std::vector<ShardRange>& nodes() const override { return maximal_; }
  float* node(std::size_t i) const override;
  /// Ends the step: everything is free again, but node 0's buffer stays whole until the next begin_shard.
  /// @pre every bucket is ready
  void restart();

 private:
  struct Node {
    ShardRange range;
    int parent = -1;  ///< index into nodes_, -1 for a maximal node
  };
  struct Leaf {
    int node = -1;
    float* buffer = nullptr;
    float* given = nullptr;  ///< its buffer in every step, of a maximal node whose place was given
    std::atomic<std::size_t> reported{0};  ///< buckets reported ready, which happens in order
    std::atomic<std::size_t> merged{0};    ///< buckets added into the node on the left
  };

  int build(ShardRange range, int parent);
  Leaf& leaf(std::int64_t shard);
  const Leaf& leaf(std::int64_t shard) const;
  void merge(const Node& parent, std::size_t bucket);

  std::size_t elements_;
  std::vector<Bucket> buckets_;
  ShardRange owned_;
  std::vector<ShardRange> maximal_;
  std::vector<Node> nodes_;
  std::vector<Leaf> leaves_;
  std::vector<std::atomic<int>> arrivals_;  ///< (node, bucket): children that are complete
  std::vector<std::atomic<int>> complete_;  ///< by bucket: maximal nodes that are complete
  BufferPool pool_;
  std::atomic<float*> kept_{nullptr};  ///< the last step's sum, given back by the next begin_shard
};

}  // namespace annulus::comm
