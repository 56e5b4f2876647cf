// Turns the gradients of shards into their sum over the whole step, while backward is still running. The
// buffer of a shard is flat and cut into buckets; a bucket is handed over as soon as backward has filled it.
//
// In: gradients of the rank's own shards, bucket by bucket, from the threads that run backward.
// Out: on every rank their sum over all shards of the step.
// Invariant: with Reduction::tree the order of every addition follows from the shard numbers alone: not
// from ranks, threads or times of arrival. Whatever breaks that breaks "the same bits on any number of
// ranks".
// Next: shard_tree.hpp (the tree), local_sum.hpp (inside a rank), tree_plan.cpp (what is left between
// ranks, with an example), then shared_exchange.cpp (one host) and tree_exchange.cpp (messages).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/enum_words.hpp"
#include "base/node_memory.hpp"
#include "comm/host/shard_tree.hpp"
#include "comm/ranks/process_group.hpp"

namespace annulus::comm {

/// Consecutive elements [begin, end) of the gradient buffer that are reduced together.
struct Bucket {
  std::size_t begin = 0;
  std::size_t end = 0;
};

/// Cuts a buffer into buckets. @param sizes  element counts of the tensors, in the order in which backward
/// finishes them; a bucket is a run of whole tensors of at least `bucket_elements` (the last may be smaller).
std::vector<Bucket> make_buckets(std::span<const std::size_t> sizes, std::size_t bucket_elements);

/// How gradients are summed over ranks.
enum class Reduction {
  tree,  ///< one fixed tree over shard index: the same bits on any world size
  fast,  ///< the library's allreduce orders the sum over ranks
};

/// Reducers of one group whose sums may be under way at the same time have different purposes, so that their
/// messages do not meet.
enum class ReducerPurpose { gradients, statistics };

struct ReducerOptions {
  std::size_t elements = 0;     ///< floats in a gradient buffer
  std::vector<Bucket> buckets;  ///< cover [0, elements) without gaps, in the order in which they become ready
  std::int64_t shards = 1;      ///< V, over all ranks
  Reduction reduction = Reduction::tree;
  /// Where all ranks are on one host, memory that they share: the tree is then summed there, without
  /// messages. Empty, or giving null on every rank, when there is none.
  NodeMemoryFactory shared_memory = {};
  ReducerPurpose purpose = ReducerPurpose::gradients;
};

/// The contract of every reducer's buckets. @throws std::logic_error when they do not cover [0, elements)
void expect_cover(const ReducerOptions& options);

/// Sums are plain left + right in float: all threads that report buckets and the main thread must treat
/// denormals alike, or the bits depend on who adds.
///
/// Use, each step: for every owned shard, on any thread: `leaf = begin_shard(v)`, fill it, `bucket_ready(v,
/// b)` for every bucket in order; meanwhile the main thread calls `progress()` now and then; when all shards
/// are done the main thread calls `finish()`.
class GradientReducer {
 public:
  virtual ~GradientReducer() = default;

  /// Buffer for the gradient of shard v, 64-byte aligned, contents undefined; every element must be written
  /// before its bucket is ready. Thread-safe.
  virtual std::span<float> begin_shard(std::int64_t shard) = 0;
  /// Elements of this bucket are final in this shard's buffer. The thread that completes a tree node sums it.
  /// Thread-safe.
  virtual void bucket_ready(std::int64_t shard, std::size_t bucket) = 0;
  /// Starts and advances transfers of buckets whose local part is complete. Main thread only; never waits.
  virtual void progress() = 0;
  /// Waits for everything. @return the sum over all shards of the step, valid until the next begin_shard.
  /// Main thread only. @throws PeerError naming the bucket when the wait exceeds the group's limit
  virtual std::span<const float> finish() = 0;

  virtual const std::vector<Bucket>& buckets() const = 0;
  virtual ShardRange owned() const = 0;
};

/// @pre options.shards is a multiple of group.size(). The group outlives the reducer.
std::unique_ptr<GradientReducer> make_reducer(ProcessGroup& group, const ReducerOptions& options);

}  // namespace annulus::comm

template <>
struct annulus::EnumWords<annulus::comm::Reduction> {
  static constexpr std::array kWords{"tree", "fast"};
};
