// annulus doctor: what this machine and this start of the program look like, each line with a verdict and a
// fix.
#include <fmt/format.h>
#include <sched.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <filesystem>
#include <limits>
#include <memory>
#include <thread>

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
  struct statvfs disk;
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
  if (world.rank != 0) return ExitCode::done;
  print_line(Verdict::good, "program", program_version());
  print_line(Verdict::good, "MPI", context.mpi.describe());
  print_line(Verdict::good, "device", device_text(world));
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
