// What happens to a rank's own sums between ranks: the part of the reducer that talks. Private to comm.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "comm/host/gradient_reducer.hpp"
#include "comm/host/runs.hpp"

namespace annulus::comm {

class SharedArea;

/// What a rank has summed by itself.
class OwnNodes {
 public:
  virtual ~OwnNodes() = default;
  /// Maximal nodes of the rank's share, in order.
  virtual const std::vector<ShardRange>& nodes() const = 0;
  /// Whether all of them hold their sum of this bucket; it may then be read by the asking thread.
  virtual bool ready(std::size_t bucket) const = 0;
  /// The whole buffer of maximal node i; only buckets that are ready have meaning.
  virtual float* node(std::size_t i) const = 0;
};

/// Sums runs over the ranks; the results lie in the buffer of the rank's node 0. Main thread only.
class Exchange {
 public:
  virtual ~Exchange() = default;
  /// All runs of a step, in the order in which every rank starts them.
  virtual const std::vector<Run>& runs() const = 0;
  /// Starts a run whose bucket is ready in the own nodes. @return false when too many are under way
  virtual bool start(std::size_t run) = 0;
  /// Moves on what is under way, without waiting; takes a finished run off its bucket's count in
  /// `unfinished`.
  virtual void advance(std::span<std::size_t> unfinished) = 0;
};

/// Along the shard tree: rank j receives everybody's nodes for the j-th part of a run, sums them in tree
/// order and sends the sum to all. The volume on the wire is that of a ring allreduce.
std::unique_ptr<Exchange> make_tree_exchange(ProcessGroup& group, const ReducerOptions& options,
                                             const OwnNodes& own);
/// As above between ranks of one host, whose nodes lie in an area that all of them see. The area outlives it.
std::unique_ptr<Exchange> make_shared_exchange(ProcessGroup& group, const ReducerOptions& options,
                                               const SharedArea& area);
/// The runs that it cuts buckets into.
std::vector<Run> shared_runs(const ReducerOptions& options, int ranks);
/// By the library's allreduce over the sum of each rank's nodes.
std::unique_ptr<Exchange> make_fast_exchange(ProcessGroup& group, const ReducerOptions& options,
                                             const OwnNodes& own);

}  // namespace annulus::comm
