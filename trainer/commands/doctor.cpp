// annulus doctor: what this machine and this start of the program look like, each line with a verdict and a
// fix.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>

#include "comm/device/allreduce_benchmark.hpp"
#include "comm/device/gpu.hpp"
#include "comm/ranks/launcher.hpp"
#include "trainer/backend/contract/replica.hpp"
#include "trainer/backend/device.hpp"
#include "trainer/backend/rules/optimizer_rules.hpp"
#include "trainer/commands/common/context.hpp"
#include "trainer/commands/doctor_data.hpp"
#include "trainer/loop/rank_zero.hpp"
#include "trainer/model/config.hpp"
#include "trainer/model/network_builder.hpp"
#include "trainer/preflight/directory.hpp"
#include "trainer/preflight/facts.hpp"
#include "trainer/preflight/leftovers.hpp"
#include "trainer/run/environment.hpp"

namespace annulus::trainer {
namespace {

struct DoctorOptions {
  std::string run = ".";  ///< a directory that a run would use
  std::string config;
  bool json = false;
  std::vector<std::string> datasets;
};

/// The lines of the report; only rank 0's are printed.
class Report {
 public:
  explicit Report(bool speaks) : speaks_(speaks) {}
  bool speaks() const { return speaks_; }

  void add(Finding finding) {
    if (speaks_) findings_.push_back(std::move(finding));
  }
  void add(Grade grade, const std::string& what, const std::string& text) { add({grade, what, text}); }
  void add(const std::vector<Finding>& findings) {
    for (const Finding& finding : findings) add(finding);
  }

  bool healthy() const {
    return std::ranges::none_of(findings_, [](const Finding& each) { return each.grade == Grade::failure; });
  }

  void print(bool as_json) const {
    if (!speaks_) return;
    nlohmann::ordered_json lines = nlohmann::ordered_json::array();
    for (const Finding& finding : findings_) {
      if (!as_json) fmt::print("{:<8} {:<12} {}\n", to_string(finding.grade), finding.what, finding.text);
      lines.push_back(
          {{"verdict", to_string(finding.grade)}, {"what", finding.what}, {"text", finding.text}});
    }
    const nlohmann::ordered_json all{{"healthy", healthy()}, {"lines", lines}};
    using Handler = nlohmann::ordered_json::error_handler_t;
    if (as_json) fmt::print("{}\n", all.dump(2, ' ', false, Handler::replace));
  }

 private:
  bool speaks_;
  std::vector<Finding> findings_;
};

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
void check_gpus(Context& context, Report& report) {
  const comm::GpuInventory inventory = comm::find_gpus();
  const bool everywhere = comm::every_rank_has_gpu(context.mpi.group(), inventory);
  const std::string allreduce = everywhere ? measured_allreduce(context, inventory) : "";
  if (!report.speaks()) return;
  if (!comm::built_with_cuda()) return report.add(Grade::good, "GPU", comm::describe_gpu_libraries());
  report.add(Grade::good, "CUDA", comm::describe_gpu_libraries());
  if (inventory.gpus.empty()) return report.add(Grade::warning, "GPU", inventory.missing);
  for (const comm::Gpu& gpu : inventory.gpus)
    report.add(Grade::good, fmt::format("GPU {}", gpu.index),
               fmt::format("{}, {:.1f} GiB, compute capability {}, {}", gpu.name,
                           static_cast<double>(gpu.memory) / (1 << 30), gpu.architecture, gpu.uuid));
  const std::string missing = comm::missing_peer_access(inventory);
  report.add(missing.empty() ? Grade::good : Grade::warning, "peer access",
             missing.empty() ? "every GPU reaches every other"
                             : fmt::format("not from {}: sums between them go through host memory", missing));
  const auto gpus = static_cast<int>(inventory.gpus.size());
  const int ranks = context.mpi.world().node_ranks;
  if (ranks > gpus)
    report.add(
        Grade::warning, "GPU",
        fmt::format(
            "{} ranks on this host share {} GPU(s); start one rank per GPU: `mpirun --map-by ppr:{}:node`, or srun with --ntasks-per-node={}",
            ranks, gpus, gpus, gpus));
  if (everywhere) report.add(Grade::good, "GPU sums", allreduce);
  if (!everywhere) report.add(Grade::warning, "GPU sums", "not measured: some ranks have no GPU");
}

/// What a training of this config asks for; rank 0 reads it.
Needs needs_of(const std::string& path) {
  Needs needs;
  if (path.empty()) return needs;
  const Config config = load_config(path).config;
  std::uint64_t values = 0;
  for (const Layer& layer : config.network.layers)
    values += static_cast<std::uint64_t>(parameter_count(layer));
  const std::size_t copies = 1 + state_names(config.optimizer).size();
  constexpr std::uint64_t kNames = 1 << 20;  // names, attributes and padding of the file
  needs.origin = config.name;
  needs.gradient_bytes = values * sizeof(float);
  needs.checkpoint_bytes = copies * needs.gradient_bytes + kNames;
  return needs;
}

bool is_set(const char* variable) { return std::getenv(variable) != nullptr; }

void check_launch(const comm::World& world, Report& report) {
  const bool server = is_set("PMIX_SERVER_URI2") || is_set("PMIX_SERVER_URI") || is_set("PMIX_NAMESPACE") ||
                      is_set("PMI_FD") || is_set("PMI_PORT") || is_set("PMI_RANK");
  report.add(judge_launcher(comm::detect_launcher(std::getenv), world.ranks, is_set("SLURM_JOB_ID"), server));
}

/// What this rank and the others look like. Collective.
void check_ranks(Context& context, const Needs& needs, Report& report) {
  const std::vector<RankFacts> facts = gather_facts(context.mpi);
  report.add(judge_processors(facts));
  report.add(judge_binding(facts));
  report.add(judge_memory(facts, needs));
  report.add(judge_limits(facts, needs));
  report.add(judge_clocks(clock_offsets(context.mpi.group())));
  if (facts.size() > 1) report.add(judge_allreduce(measure_allreduce(context.mpi)));
}

/// The directory that a run would use. Collective.
void check_directory(Context& context, const DoctorOptions& options, const Needs& needs, Report& report) {
  const std::filesystem::path directory = nearest_directory(options.run);
  if (report.speaks()) {
    report.add(try_directory(directory));
    report.add(judge_space(free_bytes(directory), needs, directory.string()));
  }
  if (context.mpi.world().ranks > 1) report.add(try_sharing(context.mpi.group(), directory));
}

ExitCode doctor(const DoctorOptions& options, Context& context) {
  const comm::World& world = context.mpi.world();
  Report report(world.rank == 0);
  Needs needs;
  on_rank_zero(context.mpi.group(), "config", [&] { needs = needs_of(options.config); });
  if (report.speaks()) {
    report.add(Grade::good, "program", program_version());
    report.add(Grade::good, "MPI", context.mpi.describe());
    check_launch(world, report);
    report.add(Grade::good, "device", device_text(world));
  }
  if (report.speaks()) report.add(find_leftovers());
  check_gpus(context, report);
  check_ranks(context, needs, report);
  check_directory(context, options, needs, report);
  bool readable = true;
  if (report.speaks())
    for (const std::string& path : options.datasets) {
      const DataFindings findings = examine_data(path, options.config);
      report.add(findings.lines);
      readable = readable && findings.readable;
    }
  if (report.speaks() && options.datasets.empty() && !options.config.empty()) {
    const DataFindings findings = examine_files_of(options.config);
    report.add(findings.lines);
    readable = findings.readable;
  }
  report.print(options.json);
  // All ranks end alike, or the launcher would call the ones that differ dead.
  auto code = static_cast<std::int32_t>(!readable          ? ExitCode::data
                                        : report.healthy() ? ExitCode::done
                                                           : ExitCode::failure);
  context.mpi.group().broadcast(std::as_writable_bytes(std::span(&code, 1)), 0, "doctor");
  return static_cast<ExitCode>(code);
}

}  // namespace

void add_doctor(Verb& app, Action& action) {
  auto options = std::make_shared<DoctorOptions>();
  Verb* verb = app.add_subcommand(
      "doctor", "Examine the machine, the start of the ranks, a run directory and datasets");
  verb->add_option("datasets", options->datasets, "HDF5 files to examine");
  verb->add_option("--run", options->run, "Directory that a run would use")->capture_default_str();
  verb->add_option("--config", options->config,
                   "Config whose training is to fit (default: a middle-sized network)");
  verb->add_flag("--json", options->json, "Print the report as JSON");
  verb->callback(
      [options, &action] { action = [options](Context& context) { return doctor(*options, context); }; });
}

}  // namespace annulus::trainer
