// Repeats steps of the reducer between barriers.
#include "comm/allreduce_benchmark.hpp"

#include <algorithm>
#include <chrono>

#include "base/error.hpp"

namespace annulus::comm {
namespace {

constexpr int kWarmUps = 3;  // buffers are allocated and touched, connections made

double seconds_of_one_step(ProcessGroup& group, GradientReducer& reducer) {
  group.barrier("allreduce benchmark");
  const auto start = std::chrono::steady_clock::now();
  reducer.begin_shard(group.rank());  // the values of the last step serve again
  reducer.bucket_ready(group.rank(), 0);
  reducer.finish();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double slowest(ProcessGroup& group, double mine) {
  std::vector<double> all(static_cast<std::size_t>(group.size()));
  group.all_gather(std::as_bytes(std::span(&mine, 1)), std::as_writable_bytes(std::span(all)),
                   "times of the allreduce benchmark");
  return std::ranges::max(all);
}

AllreduceFigure measure(ProcessGroup& group, std::size_t bytes, Reduction reduction,
                        const AllreduceBenchmark& options) {
  const int repetitions = options.repetitions;
  const std::size_t elements = bytes / sizeof(float);
  const auto reducer = make_reducer(group, {.elements = elements,
                                            .buckets = {{0, elements}},
                                            .shards = group.size(),
                                            .reduction = reduction,
                                            .shared_memory = options.shared_memory});
  std::ranges::fill(reducer->begin_shard(group.rank()),
                    0.0f);  // zeros stay zeros however often they are summed
  reducer->bucket_ready(group.rank(), 0);
  reducer->finish();
  for (int i = 1; i < kWarmUps; ++i) seconds_of_one_step(group, *reducer);

  std::vector<double> times;
  for (int i = 0; i < repetitions; ++i) times.push_back(slowest(group, seconds_of_one_step(group, *reducer)));
  std::ranges::nth_element(times, times.begin() + repetitions / 2);
  const double seconds = times[static_cast<std::size_t>(repetitions / 2)];

  const double bandwidth = static_cast<double>(bytes) / seconds / 1e9;
  const double share = 2.0 * (group.size() - 1) / group.size();
  return {bytes, reduction, seconds * 1e6, bandwidth, bandwidth * share};
}

}  // namespace

std::vector<AllreduceFigure> benchmark_allreduce(ProcessGroup& group, const AllreduceBenchmark& options) {
  expect_contract(options.smallest_bytes >= sizeof(float) && options.repetitions >= 1,
                  "the allreduce benchmark sums at least one float, at least once");
  std::vector<AllreduceFigure> figures;
  for (std::size_t bytes = options.smallest_bytes; bytes <= options.largest_bytes; bytes *= 4)
    for (const Reduction reduction : {Reduction::tree, Reduction::fast})
      figures.push_back(measure(group, bytes, reduction, options));
  return figures;
}

}  // namespace annulus::comm
