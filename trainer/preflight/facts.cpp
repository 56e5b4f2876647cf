// Limits and memory are those of this process or its container, not what the machine has.
#include "trainer/preflight/facts.hpp"

#include <sched.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <fstream>
#include <limits>
#include <thread>

#include "base/control_group.hpp"
#include "comm/device/allreduce_benchmark.hpp"
#include "trainer/backend/device.hpp"

namespace annulus::trainer {
namespace {

std::uint64_t limit_of(__rlimit_resource resource) {
  rlimit limit{};
  if (getrlimit(resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return kUnlimited;
  return limit.rlim_cur;
}

/// A number after a word in a file of /proc or /sys, 0 when it is not there.
std::uint64_t number_after(const char* path, const std::string& word) {
  std::ifstream file(path);
  for (std::string found; file >> found;) {
    std::uint64_t value = 0;
    if (found == word && file >> value) return value;
  }
  return 0;
}

void read_limits(RankFacts& facts) {
  facts.total_memory = number_after("/proc/meminfo", "MemTotal:") * 1024;
  facts.available_memory = number_after("/proc/meminfo", "MemAvailable:") * 1024;
  const GroupLimits group = control_group_limits();
  facts.cpus = group.cpus.value_or(0);
  facts.total_memory = std::min(facts.total_memory, group.memory.value_or(facts.total_memory));
  facts.available_memory =
      std::min(facts.available_memory, group.memory_left.value_or(facts.available_memory));
}

double wall_clock() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

/// GB/s of a copy between two blocks larger than the caches.
double copy_bandwidth() {
  constexpr std::size_t kBytes = 64 << 20;
  std::vector<char> from(kBytes, 1);
  std::vector<char> to(kBytes, 2);
  double best = std::numeric_limits<double>::infinity();
  for (int repetition = 0; repetition < 3; ++repetition) {
    const auto start = std::chrono::steady_clock::now();
    std::memcpy(to.data(), from.data(), kBytes);
    from[0] = to[kBytes - 1];  // or a compiler might leave the copy out
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return static_cast<double>(kBytes) / best * 1e-9;
}

}  // namespace

RankFacts facts_of_this_rank(const comm::World& world) {
  RankFacts facts;
  world.host.copy(facts.host, sizeof facts.host - 1);
  facts.node_ranks = world.node_ranks;
  facts.cores = static_cast<std::int32_t>(std::thread::hardware_concurrency());
  facts.threads = default_threads({world.node_rank, world.node_ranks}, std::numeric_limits<int>::max());
  cpu_set_t mask;
  CPU_ZERO(&mask);
  static_assert(sizeof mask * 8 >= kMostCores);
  if (sched_getaffinity(0, sizeof mask, &mask) == 0)
    for (std::size_t core = 0; core < kMostCores; ++core)
      if (CPU_ISSET(core, &mask)) facts.mask[core / 64] |= std::uint64_t{1} << (core % 64);
  facts.open_files = limit_of(RLIMIT_NOFILE);
  facts.address_space = limit_of(RLIMIT_AS);
  facts.file_bytes = limit_of(RLIMIT_FSIZE);
  facts.locked_bytes = limit_of(RLIMIT_MEMLOCK);
  facts.core_bytes = limit_of(RLIMIT_CORE);
  read_limits(facts);
  facts.processor = own_processor(world.host);
  struct statvfs shared {};
  if (statvfs("/dev/shm", &shared) == 0) facts.shared_free = std::uint64_t{shared.f_bavail} * shared.f_frsize;
  return facts;
}

std::vector<RankFacts> gather_facts(comm::MpiSession& mpi, std::int32_t threads) {
  RankFacts mine = facts_of_this_rank(mpi.world());
  if (threads > 0) mine.threads = threads;
  std::vector<RankFacts> all(static_cast<std::size_t>(mpi.world().ranks));
  mpi.group().all_gather(std::as_bytes(std::span(&mine, 1)), std::as_writable_bytes(std::span(all)),
                         "doctor");
  return all;
}

std::vector<double> clock_offsets(comm::ProcessGroup& group) {
  // Ranks leave a barrier within microseconds to milliseconds of each other, and a late reading only adds: of
  // several the smallest difference is the nearest.
  constexpr int kReadings = 5;
  const auto ranks = static_cast<std::size_t>(group.size());
  std::vector<double> best(ranks, std::numeric_limits<double>::infinity());
  std::vector<double> clocks(ranks);
  for (int reading = 0; reading < kReadings; ++reading) {
    group.barrier("clocks");
    const double mine = wall_clock();
    group.all_gather(std::as_bytes(std::span(&mine, 1)), std::as_writable_bytes(std::span(clocks)), "clocks");
    for (std::size_t rank = 0; rank < ranks; ++rank) {
      const double offset = clocks[rank] - clocks[0];
      if (std::abs(offset) < std::abs(best[rank])) best[rank] = offset;  // the reading that was least held up
    }
  }
  return best;
}

AllreduceFacts measure_allreduce(comm::MpiSession& mpi) {
  const NodeMemoryFactory shared = [&mpi](std::size_t bytes) { return mpi.try_allocate_shared(bytes); };
  const auto measure = [&](std::size_t bytes, int repetitions) {
    return comm::benchmark_allreduce(mpi.group(), {.smallest_bytes = bytes,
                                                   .largest_bytes = bytes,
                                                   .shared_memory = shared,
                                                   .repetitions = repetitions});
  };
  AllreduceFacts facts;
  facts.one_host = mpi.world().node_ranks == mpi.world().ranks;
  facts.latency_us = measure(std::size_t{4} << 10, 51).front().microseconds;  // tree, as by default
  facts.bus_gb_s = measure(std::size_t{16} << 20, 5).front().bus_bandwidth;
  facts.copy_gb_s = copy_bandwidth();
  return facts;
}

}  // namespace annulus::trainer
