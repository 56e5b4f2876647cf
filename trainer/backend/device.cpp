// Chooses the backend and shares out the cores of a host.
#include "trainer/backend/device.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <thread>

#include "base/control_group.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "comm/device/gpu.hpp"
#include "comm/ranks/launcher.hpp"
#include "trainer/backend/contract/cuda_backend.hpp"
#include "trainer/backend/instruction_choice.hpp"

namespace annulus::trainer {
namespace {

/// The limits of a job do not change while it runs.
const GroupLimits& group_limits() {
  static const GroupLimits limits = control_group_limits();
  return limits;
}

/// As many cores, at most, as a container or a batch system lets this process keep busy.
int within_quota(int cores) { return std::min(cores, cores_of(group_limits()).value_or(cores)); }

/// Cores that this process may run on.
int allowed_cores() {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  if (sched_getaffinity(0, sizeof mask, &mask) != 0)
    return within_quota(static_cast<int>(std::thread::hardware_concurrency()));
  return within_quota(CPU_COUNT(&mask));
}

/// Refuses what no machine could hold before somebody asks for it: the system would promise the memory, and
/// kill the process once it is used.
void check_memory(const Config& config, std::int64_t owned_shards) {
  const std::optional<std::uint64_t> group = group_limits().memory;
  const double physical =
      static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
  const bool limited = group && (physical <= 0 || static_cast<double>(*group) < physical);
  const double machine = limited ? static_cast<double>(*group) : physical;
  const double needed = least_memory(config, owned_shards);
  if (machine <= 0 || needed <= machine) return;
  throw UsageError(
      "batch.size = {} in batch.shards = {} (evaluation in blocks of {}) takes at least {:.1f} GB on each rank, but this {} has {:.1f} GB. Use a smaller batch.size, more batch.shards, a smaller batch.evaluation or a smaller network.",
      config.batch.size, config.batch.shards, evaluation_block(config), needed / 1e9,
      limited ? "job's control group (a container or the batch system)" : "machine", machine / 1e9);
}

/// Of the cuda backend, whose captured steps run shard after shard to the end.
void refuse_step_statistics(const Network& network) {
  for (const Layer& layer : network.layers) {
    const auto* norm = std::get_if<BatchNorm>(&layer.operation);
    if (norm == nullptr || norm->statistics == StatisticsOf::shard) continue;
    throw UsageError(
        "layer '{}' (batch_norm) has statistics: step, which the cuda backend does not have. Use device.kind=cpu, or `statistics: shard` with few batch.shards: one per GPU are enough, and a batch.size of one shard gives the same as the whole step.",
        layer.name);
  }
}

}  // namespace

double least_memory(const Config& config, std::int64_t owned_shards) {
  const Network& network = config.network;
  std::int64_t largest =
      network.input.size();  // of all layers' inputs and outputs, only the largest is sure to be kept
  double parameters = 0;
  for (const Layer& layer : network.layers) {
    largest = std::max(largest, layer.output.size());
    parameters += static_cast<double>(parameter_count(layer));
  }
  const auto shard = static_cast<double>(config.batch.size) / static_cast<double>(config.batch.shards);
  const double pass =
      std::max(shard, static_cast<double>(evaluation_block(config))) * static_cast<double>(largest);
  const auto owned = static_cast<double>(owned_shards);
  const double batch = shard * owned * static_cast<double>(network.input.size());
  // Statistics of the step: the activations of all shards of a rank live at once.
  const bool together = std::ranges::any_of(network.layers, [](const Layer& layer) {
    const auto* norm = std::get_if<BatchNorm>(&layer.operation);
    return norm != nullptr && norm->statistics == StatisticsOf::step;
  });
  const double others = together ? shard * (owned - 1) * static_cast<double>(largest) : 0;
  // Validation keeps the probabilities of a block of every shard, and two counts of eight bytes for a class.
  const auto classes = static_cast<double>(network.classes());
  const double judged = (owned * static_cast<double>(evaluation_block(config)) + 4) * classes;
  return sizeof(float) * (pass + others + batch + judged + 2 * parameters);  // parameters and their gradients
}

int default_threads(const NodePlace& place, std::int64_t owned_shards) {
  const int cores = within_quota(static_cast<int>(std::max(1u, std::thread::hardware_concurrency())));
  const int allowed = std::max(1, allowed_cores());
  const int share = std::max(1, cores / place.node_ranks);
  return static_cast<int>(std::min<std::int64_t>(std::min(allowed, share), owned_shards));
}

std::int64_t evaluation_block(const Config& config) {
  return config.batch.evaluation > 0 ? config.batch.evaluation : config.batch.size / config.batch.shards;
}

DeviceChoice choose_device(const Config& config, comm::MpiSession& mpi, InstructionSet earlier) {
  const comm::World& world = mpi.world();
  DeviceChoice choice{.kind = config.device.kind, .place = {world.node_rank, world.node_ranks}};
  const bool gpus_wanted = choice.kind == Device::automatic || choice.kind == Device::cuda;
  const comm::GpuInventory inventory = gpus_wanted ? comm::find_gpus() : comm::GpuInventory{};
  if (choice.kind == Device::automatic)
    choice.kind = comm::every_rank_has_gpu(mpi.group(), inventory) ? Device::cuda : Device::cpu;
  if (choice.kind == Device::cpu)
    agree_on_instructions({.asked = config.device.isa, .earlier = earlier}, mpi.group(), world.host);
  if (choice.kind != Device::cuda) return choice;
  const comm::RankPlace place{world.host, comm::local_rank(std::getenv, world.node_rank)};
  choice.transport = comm::claim_gpu(mpi.group(), inventory, place, config.device.gpu_sharing).transport;
  return choice;
}

std::unique_ptr<Replica> make_replica(const Config& config, const DeviceChoice& device,
                                      std::int64_t owned_shards) {
  CompileOptions options{.shard_samples = config.batch.size / config.batch.shards,
                         .predict_samples = evaluation_block(config),
                         .loss = config.loss,
                         .seed = config.seed,
                         .threads = config.device.threads,
                         .check_values = config.debug};
  check_memory(config, owned_shards);
  if (device.kind == Device::cuda) refuse_step_statistics(config.network);
  if (device.kind == Device::cuda) return make_cuda_replica(config.network, options, config.device.precision);
  if (options.threads == 0) options.threads = default_threads(device.place, owned_shards);
  if (options.threads > allowed_cores())
    log_warning(
        "device.threads is {}, but this rank may use {} core(s) only: threads will wait for each other. Start with `mpirun --bind-to none`, or lower device.threads.",
        options.threads, allowed_cores());
  if (device.kind == Device::reference) return make_reference_replica(config.network, options);
  return make_cpu_replica(config.network, options);
}

}  // namespace annulus::trainer
