// Chooses the backend and shares out the cores of a host.
#include "trainer/device.hpp"

#include <sched.h>

#include <algorithm>
#include <thread>

#include "base/error.hpp"
#include "base/log.hpp"

namespace annulus::trainer {
namespace {

/// Cores that this process may run on.
int allowed_cores() {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  if (sched_getaffinity(0, sizeof mask, &mask) != 0)
    return static_cast<int>(std::thread::hardware_concurrency());
  return CPU_COUNT(&mask);
}

}  // namespace

int default_threads(const NodePlace& place, std::int64_t owned_shards) {
  const int cores = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  const int allowed = std::max(1, allowed_cores());
  const int share = std::max(1, cores / place.node_ranks);
  return static_cast<int>(std::min<std::int64_t>(std::min(allowed, share), owned_shards));
}

std::int64_t evaluation_block(const Config& config) {
  return config.batch.evaluation > 0 ? config.batch.evaluation : config.batch.size / config.batch.shards;
}

std::unique_ptr<Replica> make_replica(const Config& config, const NodePlace& place,
                                      std::int64_t owned_shards) {
  CompileOptions options{.shard_samples = config.batch.size / config.batch.shards,
                         .predict_samples = evaluation_block(config),
                         .loss = config.loss,
                         .seed = config.seed,
                         .threads = config.device.threads,
                         .check_values = config.debug};
  if (options.threads == 0) options.threads = default_threads(place, owned_shards);
  if (options.threads > allowed_cores())
    log_warning(
        "device.threads is {}, but this rank may use {} core(s) only: threads will wait for each other. "
        "Start "
        "with `mpirun --bind-to none`, or lower device.threads.",
        options.threads, allowed_cores());
  switch (config.device.kind) {
    case Device::reference:
      return make_reference_replica(config.network, options);
    case Device::automatic:
    case Device::cpu:
      return make_cpu_replica(config.network, options);
    case Device::cuda:
      break;
  }
  throw UsageError(
      "device.kind is cuda, but this program was built without CUDA. Set device.kind=cpu, or leave it at "
      "auto.");
}

}  // namespace annulus::trainer
