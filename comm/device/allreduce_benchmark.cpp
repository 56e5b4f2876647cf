// Repeats steps of the reducer between barriers.
#include "comm/device/allreduce_benchmark.hpp"

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <utility>

#include "base/error.hpp"
#include "comm/device/reducer.hpp"

namespace annulus::comm {
namespace {

constexpr int kWarmUps = 3;  // buffers are allocated and touched, connections made

/// A step of some reducer, until this rank has the sum.
using Step = std::function<void()>;
/// The step of a new reducer of messages of so many floats.
using StepMaker = std::function<Step(std::size_t elements, Reduction reduction)>;

double seconds_of_one_step(ProcessGroup& group, const Step& step) {
  group.barrier("allreduce benchmark");
  const auto start = std::chrono::steady_clock::now();
  step();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double slowest(ProcessGroup& group, double mine) {
  std::vector<double> all(static_cast<std::size_t>(group.size()));
  group.all_gather(std::as_bytes(std::span(&mine, 1)), std::as_writable_bytes(std::span(all)),
                   "times of the allreduce benchmark");
  return std::ranges::max(all);
}

AllreduceFigure measure(ProcessGroup& group, const Step& step, int repetitions) {
  for (int i = 0; i < kWarmUps; ++i) seconds_of_one_step(group, step);
  std::vector<double> times;
  for (int i = 0; i < repetitions; ++i) times.push_back(slowest(group, seconds_of_one_step(group, step)));
  std::ranges::nth_element(times, times.begin() + repetitions / 2);
  return {.microseconds = times[static_cast<std::size_t>(repetitions / 2)] * 1e6};
}

std::vector<AllreduceFigure> measure_all(ProcessGroup& group, const AllreduceBenchmark& options,
                                         const StepMaker& make_step) {
  expect_contract(options.smallest_bytes >= sizeof(float) && options.repetitions >= 1,
                  "the allreduce benchmark sums at least one float, at least once");
  const double share = 2.0 * (group.size() - 1) / group.size();
  std::vector<AllreduceFigure> figures;
  for (std::size_t bytes = options.smallest_bytes; bytes <= options.largest_bytes; bytes *= 4) {
    for (const Reduction reduction : {Reduction::tree, Reduction::fast}) {
      AllreduceFigure figure =
          measure(group, make_step(bytes / sizeof(float), reduction), options.repetitions);
      figure.bytes = bytes;
      figure.reduction = reduction;
      figure.algorithm_bandwidth = static_cast<double>(bytes) / figure.microseconds * 1e-3;
      figure.bus_bandwidth = figure.algorithm_bandwidth * share;
      figures.push_back(figure);
    }
  }
  return figures;
}

}  // namespace

std::vector<AllreduceFigure> benchmark_allreduce(ProcessGroup& group, const AllreduceBenchmark& options) {
  return measure_all(group, options, [&](std::size_t elements, Reduction reduction) -> Step {
    const std::shared_ptr<GradientReducer> reducer =
        make_reducer(group, {.elements = elements,
                             .buckets = {{0, elements}},
                             .shards = group.size(),
                             .reduction = reduction,
                             .shared_memory = options.shared_memory});
    return [&group, reducer, first = true]() mutable {
      const auto gradient = reducer->begin_shard(group.rank());
      // Zeros stay zeros however often they are summed: the values of the last step serve again.
      if (std::exchange(first, false)) std::ranges::fill(gradient, 0.0f);
      reducer->bucket_ready(group.rank(), 0);
      reducer->finish();
    };
  });
}

std::vector<AllreduceFigure> benchmark_allreduce(DeviceGroup& group, const AllreduceBenchmark& options) {
  return measure_all(group.host(), options, [&](std::size_t elements, Reduction reduction) -> Step {
    const std::shared_ptr<DeviceReducer> reducer = make_device_reducer(group, {.elements = elements,
                                                                               .buckets = {{0, elements}},
                                                                               .shards = group.host().size(),
                                                                               .reduction = reduction});
    const std::vector<float> zeros(elements);
    return [&group, reducer, zeros, first = true]() mutable {
      const DeviceStream stream = group.work().stream();  // nothing else computes
      float* const gradient = reducer->begin_shard(group.host().rank());
      if (std::exchange(first, false))
        group.work().copy_to_device(gradient, zeros.data(), zeros.size(), stream);
      reducer->bucket_ready(group.host().rank(), 0, stream);
      reducer->finish(stream);
      reducer->wait(stream);
    };
  });
}

}  // namespace annulus::comm
