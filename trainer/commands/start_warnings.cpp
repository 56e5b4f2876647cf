// See start_warnings.hpp.
#include "trainer/commands/start_warnings.hpp"

#include <cstdlib>

#include "base/log.hpp"
#include "base/openmp_binding.hpp"
#include "comm/ranks/launcher.hpp"
#include "trainer/backend/device.hpp"
#include "trainer/preflight/facts.hpp"

namespace annulus::trainer {

void warn_of_start(const comm::World& world) {
  if (const std::string removed = removed_openmp_binding(); !removed.empty())
    log_info(
        "{} is not followed: it would bind all threads of a rank, which are not OpenMP's, to one core. They use all cores that the rank was given",
        removed);
  if (world.rank != 0) return;
  const std::string alone = comm::lone_process_message([](const char* name) { return std::getenv(name); });
  if (!alone.empty()) log_warning("{}", alone);
}

void warn_of_binding(const Config& config, comm::MpiSession& mpi) {
  const comm::World& world = mpi.world();
  const std::int64_t shards = config.batch.shards / world.ranks;
  const int threads = config.device.threads > 0
                          ? config.device.threads
                          : default_threads({world.node_rank, world.node_ranks}, shards);
  const std::vector<RankFacts> facts = gather_facts(mpi, threads);
  if (world.rank != 0) return;
  for (const std::string& warning : binding_warnings(facts)) log_warning("{}", warning);
}

}  // namespace annulus::trainer
