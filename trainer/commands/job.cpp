// annulus job: a config and the size of a job become a script for SLURM's sbatch, checked before anybody
// queues.
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>

#include "base/log.hpp"
#include "io/files/file_list.hpp"
#include "trainer/commands/common/context.hpp"
#include "trainer/loop/rank_zero.hpp"
#include "trainer/model/config.hpp"
#include "trainer/run/directory.hpp"
#include "trainer/run/run_request.hpp"
#include "trainer/run/save_times.hpp"
#include "trainer/slurm/job_script.hpp"
#include "trainer/slurm/words.hpp"

namespace annulus::trainer {
namespace {

namespace fs = std::filesystem;

struct JobOptions {
  JobRequest request;
  std::uint64_t ranks_per_node = 0;  ///< 0: one per GPU, else 1
  std::uint64_t cpus_per_rank = 0;   ///< 0: as many as the config keeps busy
  std::string program;
};

/// Words of a line of a sweep; --run, which only the script understands, is not among the overrides.
std::vector<std::string> overrides_of(const std::string& line, const std::string& where) {
  std::vector<std::string> overrides;
  std::istringstream words(line);
  bool any = false;
  for (std::string word; words >> word; any = true) {
    if (word == "--run" || word == "--resume")
      words >> word;
    else if (!word.starts_with("--run=") && !word.starts_with("--resume="))
      overrides.push_back(word);
  }
  if (!any)
    throw UsageError("{} has no words, but there is a task for it. Line N of a sweep is for task N.", where);
  return overrides;
}

/// Every configuration that the job would train, the common one first: one a task when there is a sweep.
std::vector<Config> load_configs(const JobRequest& request) {
  std::vector<Config> configs{load_config(request.config, request.overrides).config};
  if (request.sweep.empty()) return configs;
  std::ifstream file(request.sweep);
  if (!file) throw UsageError("the sweep file {} cannot be read.", request.sweep);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  for (const std::uint64_t task : parse_job_array(request.array)) {
    const std::string line = task >= 1 && task <= lines.size() ? lines[task - 1] : "";
    std::vector<std::string> overrides = request.overrides;
    for (std::string& word : overrides_of(line, fmt::format("{}, line {},", request.sweep, task)))
      overrides.push_back(std::move(word));
    configs.push_back(load_config(request.config, overrides).config);
  }
  return configs;
}

void check_size(JobOptions& options) {
  JobRequest& request = options.request;
  if (request.gpus_per_node > 0 && options.ranks_per_node > 0 &&
      options.ranks_per_node != request.gpus_per_node)
    throw UsageError(
        "--ranks-per-node is {} and --gpus-per-node is {}, but every rank has one GPU. Leave out the first.",
        options.ranks_per_node, request.gpus_per_node);
  request.ranks_per_node = std::max<std::uint64_t>({request.gpus_per_node, options.ranks_per_node, 1});
  if (!request.array.empty()) parse_job_array(request.array);
  if (!request.sweep.empty() && request.array.empty())
    throw UsageError("--sweep {} needs --array 1-N, with a task for every line.", request.sweep);
}

void check_configs(const std::vector<Config>& configs, const JobRequest& request) {
  const std::uint64_t ranks = request.nodes * request.ranks_per_node;
  for (const Config& config : configs) {
    check_world(config, static_cast<int>(ranks));
    if (request.gpus_per_node > 0 && config.device.kind != Device::automatic &&
        config.device.kind != Device::cuda)
      throw UsageError(
          "device.kind keeps this config off GPUs, but --gpus-per-node asks for {} of them per node.",
          request.gpus_per_node);
    if (request.gpus_per_node == 0 && config.device.kind == Device::cuda)
      throw UsageError("device.kind is cuda, but the job asks for no GPUs. Add --gpus-per-node G.");
    if (!config.data.path.empty() && !fs::exists(config.data.path))
      log_warning("{} is not here (data.path); the job will look for it below {}.", config.data.path,
                  request.folder);
    for (const std::string& file : config.data.files)
      if (!io::is_pattern(file) && !fs::exists(file))
        log_warning("{} is not here (data.files); the job will look for it below {}.", file, request.folder);
  }
  if (!request.array.empty()) return;  // then every task has a directory of its own
  const std::string run = request.run.empty() ? "runs/" + configs.front().name : request.run;
  check_run(configs.front(), {.run_directory = run, .resume = "auto", .allow_change = {}});
}

/// Cores that a rank can keep busy: a worker thread per shard and the loader; beside a GPU the loader, and
/// the thread that feeds the GPU.
std::uint64_t useful_cores(const Config& config, const JobRequest& request) {
  const auto loaders = static_cast<std::uint64_t>(config.data.loader_threads);
  if (request.gpus_per_node > 0) return 1 + loaders;
  if (config.device.threads > 0) return static_cast<std::uint64_t>(config.device.threads);
  return static_cast<std::uint64_t>(config.batch.shards) / (request.nodes * request.ranks_per_node);
}

/// How long before the limit the job is asked to stop: enough for the slowest save that the run has seen,
/// thrice.
void choose_lead(JobRequest& request, const std::string& run) {
  constexpr std::uint64_t kLeast = 120;
  constexpr std::uint64_t kMost = 65535;  // of sbatch
  const double slowest = slowest_save_s(run).value_or(0);
  const auto needed = std::max(kLeast, static_cast<std::uint64_t>(std::ceil(3 * slowest)));
  const std::string why = needed == kLeast
                              ? fmt::format("{} s are the least", kLeast)
                              : fmt::format("three times the slowest save in {}, {:.1f} s", run, slowest);
  if (request.signal_lead_s == 0) request.signal_lead_s = needed;
  if (request.signal_lead_s < needed || request.signal_lead_s > kMost)
    throw UsageError("--signal-lead {} s does not do: {}, and sbatch takes at most {} s.",
                     request.signal_lead_s, why, kMost);
  const std::uint64_t limit = parse_slurm_time(request.time);
  if (limit <= 2 * request.signal_lead_s)
    throw UsageError(
        "--time {} is {} s, and {} s before its end the job is asked to stop: not worth starting. Ask for more than {} s.",
        request.time, limit, request.signal_lead_s, 2 * request.signal_lead_s);
  request.lead_reason = request.signal_lead_s == needed ? why : "asked for";
}

/// A name that SLURM takes, from one that the config has.
std::string plain_name(std::string name) {
  for (char& c : name)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 &&
        std::string_view("._-").find(c) == std::string::npos)
      c = '-';
  return name;
}

std::vector<std::string> split(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

void print_job(JobOptions options) {
  JobRequest& request = options.request;
  request.folder = fs::current_path().string();
  check_size(options);
  const std::vector<Config> configs = load_configs(request);
  check_configs(configs, request);
  choose_lead(request, request.run.empty() ? "runs/" + configs.front().name : request.run);
  if (request.name.empty()) request.name = plain_name(configs.front().name);
  request.cpus_per_rank =
      options.cpus_per_rank > 0 ? options.cpus_per_rank : useful_cores(configs.front(), request);
  request.program = options.program.empty() ? std::vector{fs::read_symlink("/proc/self/exe").string()}
                                            : split(options.program);
  const std::string script = job_script(request);
  fmt::print("{}", script);
  if (isatty(STDOUT_FILENO) == 0)
    log_info("{} node(s) x {} rank(s) x {} core(s){}, {} at a time; submit with: sbatch FILE", request.nodes,
             request.ranks_per_node, request.cpus_per_rank, request.gpus_per_node > 0 ? ", a GPU each" : "",
             request.time);
}

void add_size_options(Verb& verb, JobOptions& options) {
  JobRequest& request = options.request;
  const std::uint64_t one = 1, many = 10000;
  verb.add_option("--nodes", request.nodes, "Nodes")->within(one, many)->capture_default_str();
  verb.add_option("--gpus-per-node", request.gpus_per_node, "GPUs of a node, with one rank each")
      ->within(one, many);
  verb.add_option("--ranks-per-node", options.ranks_per_node, "Ranks of a node without GPUs (default: 1)")
      ->within(one, many);
  verb.add_option("--cpus-per-rank", options.cpus_per_rank,
                  "Cores of a rank (default: as many as the config keeps busy)")
      ->within(one, many);
  verb.add_option("--time", request.time, "Limit as SLURM writes it: 90, 8:00:00, 2-12")->required();
  verb.add_option(
          "--signal-lead", request.signal_lead_s,
          "Seconds before the limit at which the job saves and requeues itself (default: 120, or three times the slowest save of an earlier start)")
      ->within(one, many);
}

void add_slurm_options(Verb& verb, JobOptions& options) {
  JobRequest& request = options.request;
  verb.add_option("--partition", request.partition, "Partition");
  verb.add_option("--account", request.account, "Account");
  verb.add_option("--sbatch", request.more_options, "Another option of sbatch, e.g. --sbatch qos=long")
      ->expected(1)
      ->take_all();
  verb.add_option("--name", request.name, "Name of the job (default: that of the config)");
  verb.add_option("--array", request.array, "Tasks of a job array, e.g. 1-4 or 1-40%4: a run each");
  verb.add_option("--sweep", request.sweep, "File whose line N has the key=value words of task N");
  verb.add_option("--launcher", request.launcher, "What starts the ranks")
      ->one_of({"auto", "srun", "mpirun"})
      ->capture_default_str();
  verb.add_option("--max-restarts", request.max_restarts,
                  "Starts after the first one before the job gives up")
      ->within(std::uint64_t{0}, std::uint64_t{999999})
      ->capture_default_str();
  verb.add_option(
      "--program", options.program,
      "Words that start the program in the job (default: this very file), e.g. 'apptainer exec --nv annulus.sif annulus'");
}

}  // namespace

void add_job(Verb& app, Action& action) {
  auto options = std::make_shared<JobOptions>();
  Verb* verb =
      app.add_subcommand("job", "Write a job script for SLURM that trains a config and requeues itself");
  verb->add_option("config", options->request.config, "YAML file")->required();
  verb->add_option("overrides", options->request.overrides, "key=value");
  verb->add_option("--run", options->request.run,
                   "Run directory (default: runs/NAME); %a in it becomes the number of an array's task");
  add_size_options(*verb, *options);
  add_slurm_options(*verb, *options);
  verb->callback([options, &action] {
    action = [options](Context& context) {
      on_rank_zero(context.mpi.group(), "job script", [&] { print_job(*options); });
      return ExitCode::done;
    };
  });
}

}  // namespace annulus::trainer
