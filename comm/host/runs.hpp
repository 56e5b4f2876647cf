// How buckets are cut for travelling. Private to comm.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "comm/host/gradient_reducer.hpp"

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

/// The part of a run that `rank` of `ranks` sums: an equal share, but that parts begin on cache lines. May be
/// empty. At most the run's length divided by `ranks` and rounded up to a cache line.
Bucket part_of_run(const Run& run, int rank, int ranks);

}  // namespace annulus::comm
