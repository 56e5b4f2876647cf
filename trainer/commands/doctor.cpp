// annulus doctor: what this machine and this start of the program look like, each line with a verdict and a
// fix.
#include <fmt/format.h>
#include <sched.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <limits>
#include <memory>
#include <thread>

#include "comm/allreduce_benchmark.hpp"
#include "comm/gpu.hpp"
#include "comm/launcher.hpp"
#include "io/dataset_summary.hpp"
#include "trainer/backend/replica.hpp"
#include "trainer/commands/context.hpp"
#include "trainer/device.hpp"
#include "trainer/environment.hpp"
#include "trainer/model/network_builder.hpp"

namespace annulus::trainer {
namespace {

enum class Verdict { good, warning, failure };

void print_line(Verdict verdict, const std::string& what, const std::string& text) {
  const char* mark = verdict == Verdict::good ? "ok" : verdict == Verdict::warning ? "warning" : "FAILURE";
  fmt::print("{:<8} {:<12} {}\n", mark, what, text);
}

/// What every rank tells rank 0.
struct RankReport {
  char host[64] = {};
  std::int32_t node_rank = 0;
  std::int32_t allowed_cores = 0;
  std::int32_t cores = 0;
};

RankReport report_of(const comm::World& world) {
  RankReport report;
  world.host.copy(report.host, sizeof report.host - 1);
  report.node_rank = world.node_rank;
  cpu_set_t mask;
  CPU_ZERO(&mask);
  report.allowed_cores = sched_getaffinity(0, sizeof mask, &mask) == 0 ? CPU_COUNT(&mask) : 0;
  report.cores = static_cast<std::int32_t>(std::thread::hardware_concurrency());
  return report;
}

/// The device as a training with many shards would use it.
std::string device_text(const comm::World& world) {
  const Network network = NetworkBuilder({.height = 8, .width = 8, .channels = 3})
                              .conv2d({.filters = 16, .kernel = {3, 3}})
                              .flatten()
                              .dense({.units = 2})
                              .activate(Activation::softmax)
                              .build();
  const int threads = default_threads({world.node_rank, world.node_ranks}, std::numeric_limits<int>::max());
  return make_cpu_replica(network, {.shard_samples = 1, .threads = threads})->describe();
}

void check_ranks(const comm::World& world, const std::vector<RankReport>& reports) {
  print_line(Verdict::good, "ranks", fmt::format("{} (launcher: {})", world.ranks, world.launcher));
  for (std::size_t rank = 0; rank < reports.size(); ++rank) {
    const RankReport& report = reports[rank];
    const bool bound_to_one = report.allowed_cores == 1 && report.cores > world.node_ranks;
    print_line(
        bound_to_one ? Verdict::warning : Verdict::good, fmt::format("rank {}", rank),
        fmt::format("host {}, {} of {} core(s){}", report.host, report.allowed_cores, report.cores,
                    bound_to_one ? ": worker and loader threads share one core; start with `mpirun --bind-to "
                                   "none`"
                                 : ""));
  }
}

void check_memory(const comm::World& world) {
  const double page = static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 30);
  const double total = page * static_cast<double>(sysconf(_SC_PHYS_PAGES));
  const double available = page * static_cast<double>(sysconf(_SC_AVPHYS_PAGES));
  const bool tight = available < 0.5 * world.node_ranks;
  print_line(
      tight ? Verdict::warning : Verdict::good, "memory",
      fmt::format("{:.1f} GiB free of {:.1f} GiB{}", available, total,
                  tight ? ": less than 0.5 GiB a rank; stop other programs or start fewer ranks" : ""));
}

void check_disk() {
  struct statvfs disk {};
  if (statvfs(".", &disk) != 0) {
    print_line(Verdict::warning, "disk", "the working directory cannot be examined");
    return;
  }
  const double free_gib = static_cast<double>(disk.f_bavail) * static_cast<double>(disk.f_frsize) / (1 << 30);
  const bool writable = access(".", W_OK) == 0;
  print_line(!writable      ? Verdict::failure
             : free_gib < 1 ? Verdict::warning
                            : Verdict::good,
             "disk",
             fmt::format("{:.1f} GiB free in {}{}", free_gib, std::filesystem::current_path().string(),
                         writable ? "" : ": not writable; name a run directory elsewhere with --run"));
}

/// The largest sum over ranks that lies on GPUs, for Reduction::tree, as text. Collective.
std::string measured_allreduce(Context& context, const comm::GpuInventory& inventory) {
  comm::ProcessGroup& group = context.mpi.group();
  const comm::World& world = context.mpi.world();
  const comm::RankPlace place{world.host, comm::local_rank(std::getenv, world.node_rank)};
  const auto claim = comm::claim_gpu(group, inventory, place, comm::GpuSharing::allow);
  if (world.ranks == 1) return "one rank only; 'mpirun -n 2 annulus doctor' measures between two GPUs";
  const auto devices = comm::make_device_group(group, claim.transport);
  const auto figures =
      comm::benchmark_allreduce(*devices, {.smallest_bytes = std::size_t{1} << 16, .repetitions = 5});
  std::string text =
      claim.transport == comm::Transport::nccl ? "by NCCL" : "through host memory, as ranks share a GPU";
  for (const auto& figure : figures)
    if (figure.bytes == figures.front().bytes || figure.bytes == figures.back().bytes)
      text += fmt::format("; {} of {} KB {:.0f} us, {:.1f} GB/s bus",
                          figure.reduction == comm::Reduction::tree ? "tree" : "fast", figure.bytes / 1024,
                          figure.microseconds, figure.bus_bandwidth);
  return text;
}

/// GPUs of rank 0's host, and a sum over the GPUs of all ranks. Collective.
void check_gpus(Context& context) {
  const bool speaks = context.mpi.world().rank == 0;
  const comm::GpuInventory inventory = comm::find_gpus();
  const bool everywhere = comm::every_rank_has_gpu(context.mpi.group(), inventory);
  const std::string allreduce = everywhere ? measured_allreduce(context, inventory) : "";
  if (!speaks) return;
  if (!comm::built_with_cuda()) return print_line(Verdict::good, "GPU", comm::describe_gpu_libraries());
  print_line(Verdict::good, "CUDA", comm::describe_gpu_libraries());
  if (inventory.gpus.empty()) return print_line(Verdict::warning, "GPU", inventory.missing);
  for (const comm::Gpu& gpu : inventory.gpus)
    print_line(Verdict::good, fmt::format("GPU {}", gpu.index),
               fmt::format("{}, {:.1f} GiB, compute capability {}, {}", gpu.name,
                           static_cast<double>(gpu.memory) / (1 << 30), gpu.architecture, gpu.uuid));
  const std::string missing = comm::missing_peer_access(inventory);
  print_line(missing.empty() ? Verdict::good : Verdict::warning, "peer access",
             missing.empty() ? "every GPU reaches every other"
                             : fmt::format("not from {}: sums between them go through host memory", missing));
  if (everywhere) print_line(Verdict::good, "allreduce", allreduce);
  if (!everywhere) print_line(Verdict::warning, "allreduce", "not measured: some ranks have no GPU");
}

/// @return whether the file is a dataset that can be read
bool check_data(const std::string& path) {
  try {
    const io::DatasetSummary summary = io::describe_dataset(path);
    for (const auto& split : summary.splits)
      print_line(Verdict::good, "data", fmt::format("{}:{} {} samples", path, split.name, split.samples));
    return true;
  } catch (const Error& error) {
    print_line(Verdict::failure, "data", error.what());
    return false;
  }
}

ExitCode doctor(const std::vector<std::string>& datasets, Context& context) {
  context.phase = "doctor";
  const comm::World& world = context.mpi.world();
  const RankReport mine = report_of(world);
  std::vector<RankReport> reports(world.ranks);
  context.mpi.group().all_gather(std::as_bytes(std::span(&mine, 1)),
                                 std::as_writable_bytes(std::span(reports)), "doctor");
  if (world.rank == 0) {
    print_line(Verdict::good, "program", program_version());
    print_line(Verdict::good, "MPI", context.mpi.describe());
    print_line(Verdict::good, "device", device_text(world));
  }
  check_gpus(context);
  if (world.rank != 0) return ExitCode::done;
  check_ranks(world, reports);
  check_memory(world);
  check_disk();
  bool healthy = true;
  for (const std::string& path : datasets) healthy = check_data(path) && healthy;
  return healthy ? ExitCode::done : ExitCode::data;
}

}  // namespace

void add_doctor(CLI::App& app, Action& action) {
  auto datasets = std::make_shared<std::vector<std::string>>();
  CLI::App* verb = app.add_subcommand("doctor", "Examine the machine, the start of the ranks and datasets");
  verb->add_option("datasets", *datasets, "HDF5 files to examine");
  verb->callback(
      [datasets, &action] { action = [datasets](Context& context) { return doctor(*datasets, context); }; });
}

}  // namespace annulus::trainer
