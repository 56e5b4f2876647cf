// annulus bench: how fast this machine trains a config, loads its data, and sums gradients over its ranks.
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/times.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>

#include "base/log.hpp"
#include "base/process_time.hpp"
#include "comm/device/allreduce_benchmark.hpp"
#include "io/dataset/synthetic_source.hpp"
#include "trainer/assembly.hpp"
#include "trainer/backend/contract/cuda_backend.hpp"
#include "trainer/commands/common/context.hpp"
#include "trainer/commands/common/load.hpp"
#include "trainer/commands/generators.hpp"
#include "trainer/data_splits.hpp"
#include "trainer/loop/initialise.hpp"
#include "trainer/loop/recorder.hpp"
#include "trainer/loop/training_loop.hpp"
#include "trainer/model/summary.hpp"
#include "trainer/preflight/fma_rate.hpp"

namespace annulus::trainer {
namespace {

struct BenchOptions {
  std::string config;
  std::vector<std::string> overrides;
  double seconds = 3;
  int warmup = 5;
  bool synthetic = false;
};

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

double peak_memory_mb() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

/// The config's training data, or random images of the network's shape.
std::unique_ptr<io::SampleSource> bench_source(Config& config, bool synthetic, comm::MpiSession& mpi) {
  if (synthetic)
    return io::make_synthetic_source({.samples = 10000,
                                      .shape = config.network.input,
                                      .classes = config.network.classes(),
                                      .vectors = config.network.vectors});
  return open_training(
      config, [&mpi](std::size_t bytes) { return mpi.allocate_node_memory(bytes); }, generate_source);
}

/// The ranks' values of one number.
std::vector<double> gather(double mine, comm::ProcessGroup& group) {
  std::vector<double> all(group.size());
  group.all_gather(std::as_bytes(std::span(&mine, 1)), std::as_writable_bytes(std::span(all)), "benchmark");
  return all;
}

/// Largest of the ranks' values: the slowest one decides.
double slowest(double mine, comm::ProcessGroup& group) { return std::ranges::max(gather(mine, group)); }

/// FLOP/s of multiply-adds that all workers of all ranks can do at the same time.
double machine_rate(WorkerPool& workers, comm::ProcessGroup& group) {
  group.barrier("benchmark");
  const std::vector<double> rates = gather(measure_fma_rate(workers), group);
  return std::accumulate(rates.begin(), rates.end(), 0.0);
}

/// Which way the layers run belongs to a figure: a choice that a library refuses shows nowhere else.
nlohmann::json with_kernels(nlohmann::json result, const Replica& replica) {
  if (const KernelCounts kernels = kernel_counts(replica); !kernels.empty()) result["kernels"] = kernels;
  return result;
}

ExitCode bench_step(const BenchOptions& options, Context& context) {
  Config config = load_shared_config(options.config, options.overrides, context.mpi).config;
  comm::ProcessGroup& group = context.mpi.group();
  check_world(config, group.size());
  const auto opened = Clock::now();
  auto source = bench_source(config, options.synthetic, context.mpi);
  resolve_normalisation(config, *source, group);
  const double data_s = seconds_since(opened);

  Assembly parts(config, context.mpi, std::move(source));
  initialise(parts.replica(), config.seed);
  parts.engine().upload();
  const auto recorder = make_silent_recorder();
  RunState state;
  TrainingLoop loop({config, group, parts.replica(), parts.optimizer(), parts.engine(), parts.sampler(),
                     parts.loader(), nullptr, *recorder, state});
  parts.loader().seek(0, 0);
  loop.step();
  loop.settle();
  const double first_step_s = seconds_since_process_start() - data_s;
  auto warm = Clock::now();
  for (int i = 0; i < options.warmup; ++i) loop.step();
  loop.settle();
  const double step_s = slowest(seconds_since(warm), group) / options.warmup;

  const double machine_flops = machine_rate(parts.replica().workers(), group);

  const int steps = std::max(3, static_cast<int>(options.seconds / step_s));
  const double waited = parts.loader().waited_seconds();
  const double cpu = cpu_seconds();
  const auto start = Clock::now();
  state.epoch_loss_sum = state.epoch_samples = 0;
  for (int i = 0; i < steps; ++i) loop.step();
  loop.settle();
  const double wall = slowest(seconds_since(start), group);
  const double share = state.epoch_samples / group.size();
  const double flops =
      static_cast<double>(training_flops(summarise(config.network))) * state.epoch_samples / wall;
  const nlohmann::json result{{"benchmark", "step"},
                              {"config", config.name},
                              {"ranks", group.size()},
                              {"batch", config.batch.size},
                              {"shards", config.batch.shards},
                              {"threads", parts.replica().workers().size()},
                              {"bucket_kb", static_cast<double>(parts.bucket_size().bytes) / 1024},
                              {"steps", steps},
                              {"images_per_s", state.epoch_samples / wall},
                              {"images_per_cpu_s", share / (cpu_seconds() - cpu)},
                              {"gflops", 1e-9 * flops},
                              {"fma_gflops", 1e-9 * machine_flops},
                              {"fma_share", flops / machine_flops},
                              {"first_step_s", first_step_s},
                              {"data_s", data_s},
                              {"loader_wait_share", (parts.loader().waited_seconds() - waited) / wall},
                              {"peak_rss_mb", peak_memory_mb()},
                              {"loss", state.epoch_loss_sum / state.epoch_samples}};
  if (group.rank() == 0) fmt::print("{}\n", with_kernels(result, parts.replica()).dump());
  return ExitCode::done;
}

ExitCode bench_loader(const BenchOptions& options, Context& context) {
  Config config = load_shared_config(options.config, options.overrides, context.mpi).config;
  comm::ProcessGroup& group = context.mpi.group();
  check_world(config, group.size());
  auto source = bench_source(config, options.synthetic, context.mpi);
  resolve_normalisation(config, *source, group);
  Assembly parts(config, context.mpi, std::move(source));
  parts.loader().seek(0, 0);
  io::ReadCounts before, read;
  for (int i = 0; i < options.warmup; ++i) before = parts.loader().next().read;

  const double cpu = cpu_seconds();
  const auto start = Clock::now();
  std::int64_t images = 0;
  while (seconds_since(start) < options.seconds) {
    const io::Batch& batch = parts.loader().next();
    for (const io::Shard& shard : batch.shards) images += shard.size();
    read = batch.read;
  }
  const double wall = seconds_since(start);
  const nlohmann::json result{
      {"benchmark", "loader"},
      {"config", config.name},
      {"ranks", group.size()},
      {"threads", config.data.loader_threads},
      {"images_per_s_and_rank", static_cast<double>(images) / wall},
      {"cpu_us_per_image", 1e6 * (cpu_seconds() - cpu) / static_cast<double>(images)},
      {"read_bytes_per_image",
       static_cast<double>(read.read_bytes - before.read_bytes) / static_cast<double>(images)}};
  if (group.rank() == 0) fmt::print("{}\n", result.dump());
  return ExitCode::done;
}

ExitCode bench_allreduce(std::size_t largest_bytes, Context& context) {
  if (context.mpi.world().ranks == 1)
    throw UsageError(
        "this measures sums over ranks, and there is only one rank. Start it as `mpirun -n 2 annulus bench allreduce`, or with srun.");
  const auto rows = comm::benchmark_allreduce(
      context.mpi.group(), {.largest_bytes = largest_bytes, .shared_memory = [&](std::size_t bytes) {
                              return context.mpi.try_allocate_shared(bytes);
                            }});
  if (context.mpi.world().rank != 0) return ExitCode::done;
  fmt::print("{:>12} {:>12} {:>12} {:>12} {:>12}\n", "bytes", "reduction", "us", "GB/s", "bus GB/s");
  for (const comm::AllreduceFigure& row : rows)
    fmt::print("{:>12} {:>12} {:>12.1f} {:>12.2f} {:>12.2f}\n", row.bytes,
               row.reduction == comm::Reduction::tree ? "tree" : "fast", row.microseconds,
               row.algorithm_bandwidth, row.bus_bandwidth);
  return ExitCode::done;
}

Verb* add_config_bench(Verb* bench, const std::string& name, const std::string& text,
                       ExitCode (*run)(const BenchOptions&, Context&), Action& action) {
  auto options = std::make_shared<BenchOptions>();
  Verb* verb = bench->add_subcommand(name, text);
  verb->add_option("config", options->config, "YAML file")->required();
  verb->add_option("overrides", options->overrides, "key=value");
  verb->add_option("--seconds", options->seconds, "How long to measure")
      ->within(0.01, 86400.0)
      ->capture_default_str();
  verb->add_option("--warmup", options->warmup, "Steps before that")
      ->within(1, 1000000)
      ->capture_default_str();
  verb->add_flag("--synthetic", options->synthetic, "Random images instead of data.path");
  verb->callback([options, run, &action] {
    action = [options, run](Context& context) { return run(*options, context); };
  });
  return verb;
}

}  // namespace

void add_bench(Verb& app, Action& action) {
  Verb* bench = app.add_subcommand("bench", "Measure training steps, loading, and gradient sums");
  bench->require_subcommand(1);
  add_config_bench(bench, "step", "Whole training steps, from loader to update, as one JSON line", bench_step,
                   action);
  add_config_bench(bench, "loader", "Reading and augmentation alone, as one JSON line", bench_loader, action);
  Verb* allreduce =
      bench->add_subcommand("allreduce", "Sums of 4 KiB to 64 MiB over the ranks of this start, as a table");
  auto largest = std::make_shared<std::size_t>(comm::AllreduceBenchmark{}.largest_bytes);
  allreduce->add_option("--largest", *largest, "Bytes of the largest sum; sizes grow from 4096 by fours")
      ->within(std::size_t{1} << 12, std::size_t{1} << 30)
      ->capture_default_str();
  allreduce->callback([largest, &action] {
    action = [largest](Context& context) { return bench_allreduce(*largest, context); };
  });
}

}  // namespace annulus::trainer
