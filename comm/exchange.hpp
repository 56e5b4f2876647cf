// What happens to a rank's own sums between ranks: the part of the reducer that talks. Private to comm.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "comm/gradient_reducer.hpp"
#include "comm/local_sum.hpp"

namespace annulus::comm {

/// Consecutive elements of one bucket that travel together. Large buckets are cut, because messages that fit
/// the cache move several times faster than large ones and follow each other like on a conveyor.
struct Run {
  std::size_t bucket = 0;
  std::size_t begin = 0;
  std::size_t end = 0;
};

/// Cuts buckets into runs of at most `elements`, in order.
std::vector<Run> make_runs(std::span<const Bucket> buckets, std::size_t elements);

/// Sums runs over the ranks; the results lie in the buffer of the rank's node 0. Main thread only.
class Exchange {
 public:
  virtual ~Exchange() = default;
  /// All runs of a step, in the order in which every rank starts them.
  virtual const std::vector<Run>& runs() const = 0;
  /// Starts a run whose bucket is ready in the local sum. @return false when too many are under way
  virtual bool start(std::size_t run) = 0;
  /// Moves on what is under way, without waiting; takes a finished run off its bucket's count in
  /// `unfinished`.
  virtual void advance(std::span<std::size_t> unfinished) = 0;
};

/// Along the shard tree: rank j receives everybody's nodes for the j-th part of a run, sums them in tree
/// order and sends the sum to all. The volume on the wire is that of a ring allreduce.
std::unique_ptr<Exchange> make_tree_exchange(ProcessGroup& group, const ReducerOptions& options,
                                             LocalSum& local);
/// By the library's allreduce over the sum of each rank's nodes.
std::unique_ptr<Exchange> make_fast_exchange(ProcessGroup& group, const ReducerOptions& options,
                                             LocalSum& local);

}  // namespace annulus::comm
