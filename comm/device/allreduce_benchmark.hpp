// Times the reducer itself, tree and fast, over message sizes: what `annulus bench allreduce` prints.
#pragma once

#include <cstddef>
#include <vector>

#include "comm/device/group.hpp"
#include "comm/host/gradient_reducer.hpp"

namespace annulus::comm {

struct AllreduceBenchmark {
  std::size_t smallest_bytes = std::size_t{1} << 12;
  std::size_t largest_bytes = std::size_t{1} << 26;  ///< sizes grow by factors of four
  NodeMemoryFactory shared_memory = {};              ///< as of the reducer
  int repetitions = 21;                              ///< at least 1; some more go before, unmeasured
};

/// One size and kind of reduction.
struct AllreduceFigure {
  std::size_t bytes = 0;
  Reduction reduction = Reduction::tree;
  double microseconds = 0;  ///< median over repetitions; a repetition takes as long as its slowest rank
  double algorithm_bandwidth = 0;  ///< GB/s: bytes / time
  /// GB/s: algorithm bandwidth times 2 (n - 1) / n for n ranks, the share of a link that the best algorithm
  /// would use, so that figures of different n compare (nccl-tests, doc/PERFORMANCE.md); 0 for one rank.
  double bus_bandwidth = 0;
};

/// Sums one shard per rank, one bucket per message; smallest size first, tree before fast. Collective; every
/// rank gets the same figures.
std::vector<AllreduceFigure> benchmark_allreduce(ProcessGroup& group, const AllreduceBenchmark& options);
/// The same for sums that lie on GPUs.
std::vector<AllreduceFigure> benchmark_allreduce(DeviceGroup& group, const AllreduceBenchmark& options);

}  // namespace annulus::comm
