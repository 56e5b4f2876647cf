// What `annulus doctor` thinks of what it has measured: plain functions from facts to lines with a grade.
// Taking the facts is in facts.hpp and directory.hpp.
//
// In: facts of a rank, of clocks, of a directory, of sums between ranks.
// Out: lines with a grade and, unless all is well, the fix.
// Invariant: nothing is measured here: every judgement can be tested with made-up facts.
// Next: facts.hpp and directory.hpp (how the facts are taken), trainer/commands/doctor.cpp (who puts them
// together).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "comm/ranks/launcher.hpp"
#include "trainer/backend/instruction_choice.hpp"

namespace annulus::trainer {

enum class Grade { good, warning, failure };

/// "ok", "warning" or "FAILURE".
const char* to_string(Grade grade);

/// One line of the report.
struct Finding {
  Grade grade = Grade::good;
  std::string what;  ///< "binding", "rank 1", "clock"
  std::string text;  ///< what was found, and the fix unless it is good
};

constexpr std::size_t kMostCores = 1024;
constexpr std::uint64_t kUnlimited = ~std::uint64_t{0};

/// What a rank says of itself. Plain bytes: it travels to the other ranks.
struct RankFacts {
  char host[64] = {};
  std::int32_t node_ranks = 1;
  std::int32_t cores = 0;                    ///< of the host
  std::int32_t threads = 0;                  ///< worker threads that a training would use
  double cpus = 0;                           ///< that its control group may keep busy; 0: all
  std::uint64_t mask[kMostCores / 64] = {};  ///< cores that it may run on, a bit each
  std::uint64_t open_files = kUnlimited;     ///< ulimit -n
  std::uint64_t address_space = kUnlimited;  ///< ulimit -v, bytes
  std::uint64_t file_bytes = kUnlimited;     ///< ulimit -f, bytes
  std::uint64_t locked_bytes = kUnlimited;   ///< ulimit -l, bytes
  std::uint64_t core_bytes = kUnlimited;     ///< ulimit -c, bytes
  std::uint64_t available_memory = 0;        ///< of the host or of the container
  std::uint64_t total_memory = 0;
  std::uint64_t shared_free = 0;  ///< in /dev/shm
  RankProcessor processor;
};

/// Cores in a mask, e.g. "0-3,8".
std::string core_list(const RankFacts& facts);
std::int32_t allowed_cores(const RankFacts& facts);

/// What a training would ask for; without a configuration that of a middle-sized network.
struct Needs {
  std::string origin = "a network of 10 million parameters";
  std::uint64_t checkpoint_bytes = std::uint64_t{120} << 20;
  std::uint64_t gradient_bytes = std::uint64_t{40} << 20;  ///< of one rank's buffer
};

/// @param in_allocation  inside a SLURM job   @param server  whether a PMIx or PMI server answers this
/// process
Finding judge_launcher(const comm::Launch& launch, int ranks, bool in_allocation, bool server);

/// A line per rank: its cores and threads; then one per host on which ranks stand in each other's way.
std::vector<Finding> judge_binding(std::span<const RankFacts> ranks);

/// What a training says of its ranks' cores: the same warnings, those of ranks with one core in one line.
std::vector<std::string> binding_warnings(std::span<const RankFacts> ranks);

/// Whether kernels are the same on all ranks, or what a training will do about it.
Finding judge_processors(std::span<const RankFacts> ranks);

/// @param offsets  clocks of the ranks against that of rank 0, seconds
Finding judge_clocks(std::span<const double> offsets);

std::vector<Finding> judge_limits(std::span<const RankFacts> ranks, const Needs& needs);
std::vector<Finding> judge_memory(std::span<const RankFacts> ranks, const Needs& needs);

/// @param free_bytes  nothing when the file system does not say
Finding judge_space(std::optional<std::uint64_t> free_bytes, const Needs& needs,
                    const std::string& directory);

/// Sums over the ranks against copies in memory, both measured in this run.
struct AllreduceFacts {
  double latency_us = 0;  ///< of a few KB
  double bus_gb_s = 0;    ///< of many MB
  double copy_gb_s = 0;   ///< memory copy of as much, on rank 0
  bool one_host = true;
};
Finding judge_allreduce(const AllreduceFacts& facts);

}  // namespace annulus::trainer
