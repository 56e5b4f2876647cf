// From facts to lines. A warning is about something that works but costs, a failure about something that will
// end a run.
#include "trainer/preflight/judgements.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <map>

namespace annulus::trainer {
namespace {

double mega(std::uint64_t bytes) { return static_cast<double>(bytes) / 1e6; }

bool may_run_on(const RankFacts& facts, std::size_t core) {
  return (facts.mask[core / 64] >> (core % 64) & 1) != 0;
}

/// Numbers of the ranks of each host, in order.
std::map<std::string, std::vector<std::size_t>> by_host(std::span<const RankFacts> ranks) {
  std::map<std::string, std::vector<std::size_t>> hosts;
  for (std::size_t rank = 0; rank < ranks.size(); ++rank) hosts[ranks[rank].host].push_back(rank);
  return hosts;
}

constexpr const char* kOneCore =
    "worker and loader threads share one core; start with `mpirun --bind-to none`, or srun with --cpus-per-task";

/// One core, although the host has more than a core for each of its ranks.
bool is_bound_to_one(const RankFacts& facts) {
  return allowed_cores(facts) == 1 && facts.cores > facts.node_ranks;
}

Finding judge_rank(const RankFacts& facts, std::size_t rank) {
  const bool bound_to_one = is_bound_to_one(facts);
  const std::string quota =
      facts.cpus > 0 ? fmt::format(", of which the control group lets {:.3g} be busy", facts.cpus) : "";
  return {bound_to_one ? Grade::warning : Grade::good, fmt::format("rank {}", rank),
          fmt::format("host {}, {} of {} core(s) ({}){}, {} worker thread(s){}{}", facts.host,
                      allowed_cores(facts), facts.cores, core_list(facts), quota, facts.threads,
                      bound_to_one ? ": " : "", bound_to_one ? kOneCore : "")};
}

/// Ranks of a host whose threads outnumber the cores that they share.
std::optional<Finding> judge_sharing(const std::string& host, const std::vector<std::size_t>& numbers,
                                     std::span<const RankFacts> ranks) {
  for (const std::size_t one : numbers) {
    RankFacts shared = ranks[one];
    std::int32_t threads = ranks[one].threads;
    std::vector<std::size_t> together{one};
    for (const std::size_t other : numbers) {
      bool meet = false;
      for (std::size_t word = 0; word < std::size(shared.mask); ++word)
        meet = meet || (ranks[one].mask[word] & ranks[other].mask[word]) != 0;
      if (other == one || !meet) continue;
      for (std::size_t word = 0; word < std::size(shared.mask); ++word)
        shared.mask[word] |= ranks[other].mask[word];
      threads += ranks[other].threads;
      together.push_back(other);
    }
    if (together.size() == 1 || threads <= allowed_cores(shared)) continue;
    std::ranges::sort(together);
    return Finding{
        Grade::warning, "binding",
        fmt::format(
            "ranks {} on {} run {} worker threads on {} core(s) ({}), and wait for each other; start fewer ranks, or give each its own cores: `mpirun --map-by slot:PE=N --bind-to core`, or srun with --cpus-per-task=N",
            fmt::join(together, ", "), host, threads, allowed_cores(shared), core_list(shared))};
  }
  return std::nullopt;
}

std::string limit_text(std::uint64_t value, bool bytes) {
  if (value == kUnlimited) return "unlimited";
  return bytes ? fmt::format("{:.1f} MB", mega(value)) : fmt::format("{}", value);
}

}  // namespace

const char* to_string(Grade grade) {
  return grade == Grade::good ? "ok" : grade == Grade::warning ? "warning" : "FAILURE";
}

std::int32_t allowed_cores(const RankFacts& facts) {
  std::int32_t count = 0;
  for (const std::uint64_t word : facts.mask) count += std::popcount(word);
  return count;
}

std::string core_list(const RankFacts& facts) {
  std::vector<std::string> ranges;
  for (std::size_t core = 0; core < kMostCores; ++core) {
    if (!may_run_on(facts, core)) continue;
    std::size_t last = core;
    while (last + 1 < kMostCores && may_run_on(facts, last + 1)) ++last;
    ranges.push_back(last == core ? fmt::format("{}", core) : fmt::format("{}-{}", core, last));
    core = last;
  }
  return fmt::format("{}", fmt::join(ranges, ","));
}

Finding judge_launcher(const comm::Launch& launch, int ranks, bool in_allocation, bool server) {
  const std::string what = "launcher";
  if (launch.launcher == "none")
    return in_allocation
               ? Finding{Grade::warning, what,
                         "none, inside a SLURM job: this is one rank alone, whatever the job has; start it with `srun --mpi=pmix` or mpirun"}
               : Finding{Grade::good, what, "none: one rank; `mpirun -n N` or `srun --mpi=pmix` start more"};
  if (launch.uses_mpi && !server)
    return {
        Grade::warning, what,
        fmt::format(
            "{}, but no PMIx or PMI server is named in the environment; start with the mpirun of this MPI library, or `srun --mpi=pmix`",
            launch.launcher)};
  if (!launch.uses_mpi)
    return {
        launch.ranks > 1 ? Grade::failure : Grade::warning, what,
        fmt::format(
            "{} started {} rank(s) without PMIx, so they cannot meet; start with `srun --mpi=pmix`, or mpirun inside the job",
            launch.launcher, launch.ranks)};
  return {Grade::good, what, fmt::format("{}, {} rank(s), by PMIx or PMI", launch.launcher, ranks)};
}

std::vector<Finding> judge_binding(std::span<const RankFacts> ranks) {
  std::vector<Finding> findings;
  for (std::size_t rank = 0; rank < ranks.size(); ++rank) findings.push_back(judge_rank(ranks[rank], rank));
  std::vector<std::string> counts;
  for (const auto& [host, numbers] : by_host(ranks)) {
    counts.push_back(fmt::format("{} on {}", numbers.size(), host));
    if (const auto finding = judge_sharing(host, numbers, ranks)) findings.push_back(*finding);
  }
  findings.insert(findings.begin(), {Grade::good, "ranks", fmt::format("{}", fmt::join(counts, ", "))});
  return findings;
}

std::vector<std::string> binding_warnings(std::span<const RankFacts> ranks) {
  std::vector<std::string> warnings;
  std::vector<std::size_t> bound;
  for (std::size_t rank = 0; rank < ranks.size(); ++rank)
    if (is_bound_to_one(ranks[rank])) bound.push_back(rank);
  constexpr std::size_t kMostNamed = 8;
  const std::size_t more = bound.size() - std::min(bound.size(), kMostNamed);
  if (!bound.empty())
    warnings.push_back(fmt::format("rank(s) {}{} may use one core of {} each: {}",
                                   fmt::join(std::span(bound).first(bound.size() - more), ", "),
                                   more > 0 ? fmt::format(" and {} more", more) : "",
                                   ranks[bound.front()].cores, kOneCore));
  for (const auto& [host, numbers] : by_host(ranks))
    if (const auto finding = judge_sharing(host, numbers, ranks)) warnings.push_back(finding->text);
  return warnings;
}

Finding judge_processors(std::span<const RankFacts> ranks) {
  std::vector<RankProcessor> all;
  for (const RankFacts& facts : ranks) all.push_back(facts.processor);
  const std::string mixed = mixed_text(all);
  const char* common = word_of(choose_instructions({}, all));
  if (mixed.empty())
    return {Grade::good, "processors",
            fmt::format("all ranks compute with {}: {}", common, all.front().name)};
  return {
      Grade::warning, "processors",
      fmt::format(
          "{}: a training keeps all of them to {}, so that its numbers do not depend on who computes what; start on hosts of one kind (`sbatch --constraint`) for more speed",
          mixed, common)};
}

Finding judge_clocks(std::span<const double> offsets) {
  constexpr double kMost = 1.0;
  const auto [low, high] = std::ranges::minmax_element(offsets);
  const double spread = *high - *low;
  if (spread <= kMost)
    return {Grade::good, "clock", fmt::format("the ranks' clocks differ by {:.3f} s at most", spread)};
  const auto farthest = std::abs(*high) > std::abs(*low) ? high : low;
  return {
      Grade::warning, "clock",
      fmt::format(
          "the ranks' clocks differ by {:.1f} s (rank {} by {:+.1f} s from rank 0): logs and time limits of different hosts do not fit together; set up NTP or chrony there",
          spread, farthest - offsets.begin(), *farthest)};
}

std::vector<Finding> judge_limits(std::span<const RankFacts> ranks, const Needs& needs) {
  constexpr std::uint64_t kFewFiles = 256;
  const auto smallest = [&](std::uint64_t RankFacts::*limit) {
    return (*std::ranges::min_element(ranks, {}, limit)).*limit;
  };
  const std::uint64_t files = smallest(&RankFacts::open_files);
  const std::uint64_t file_bytes = smallest(&RankFacts::file_bytes);
  const std::uint64_t address_space = smallest(&RankFacts::address_space);
  std::vector<Finding> findings;
  if (file_bytes < needs.checkpoint_bytes)
    findings.push_back(
        {Grade::failure, "limits",
         fmt::format(
             "files may have {:.1f} MB at most, but a checkpoint of {} takes {:.1f} MB; raise `ulimit -f`",
             mega(file_bytes), needs.origin, mega(needs.checkpoint_bytes))});
  if (files < kFewFiles)
    findings.push_back(
        {Grade::warning, "limits",
         fmt::format("only {} files may be open, which MPI alone can use up; raise `ulimit -n` to 1024",
                     files)});
  if (address_space != kUnlimited)
    findings.push_back(
        {Grade::warning, "limits",
         fmt::format(
             "`ulimit -v` is {:.1f} MB, and shared memory and GPUs take address space that is never filled; set it to unlimited and limit memory by the batch system",
             mega(address_space))});
  const RankFacts& first = ranks.front();
  findings.push_back(
      {Grade::good, "limits",
       fmt::format("files {}, file size {}, locked memory {}, core files {}", limit_text(files, false),
                   limit_text(file_bytes, true), limit_text(first.locked_bytes, true),
                   first.core_bytes == 0 ? "off (`ulimit -c unlimited` keeps them)"
                                         : limit_text(first.core_bytes, true))});
  return findings;
}

std::vector<Finding> judge_memory(std::span<const RankFacts> ranks, const Needs& needs) {
  constexpr double kLeastPerRank = 0.5;  // GiB
  std::vector<Finding> findings;
  for (const auto& [host, numbers] : by_host(ranks)) {
    const RankFacts& facts = ranks[numbers.front()];
    const double available = static_cast<double>(facts.available_memory) / (1 << 30);
    const double share = available / static_cast<double>(numbers.size());
    const bool tight = share < kLeastPerRank;
    findings.push_back(
        {tight ? Grade::warning : Grade::good, "memory",
         fmt::format("{}: {:.1f} GiB free of {:.1f} GiB, {:.1f} GiB a rank{}", host, available,
                     static_cast<double>(facts.total_memory) / (1 << 30), share,
                     tight ? "; that is little: stop other programs or start fewer ranks" : "")});
    // Each rank has a buffer of its own and the tree a node above every two; as much again must stay free.
    const std::uint64_t wanted = 4 * numbers.size() * needs.gradient_bytes;
    if (numbers.size() == 1) continue;
    const bool room = facts.shared_free >= wanted;
    findings.push_back(
        {room ? Grade::good : Grade::warning, "/dev/shm",
         fmt::format(
             "{}: {:.1f} MB free{}", host, mega(facts.shared_free),
             room
                 ? ""
                 : fmt::format(
                       ", but sums of {} by {} ranks want {:.1f} MB; without it they go by messages, which is slower: enlarge it (docker: --shm-size)",
                       needs.origin, numbers.size(), mega(wanted)))});
  }
  return findings;
}

Finding judge_space(std::optional<std::uint64_t> free_bytes, const Needs& needs,
                    const std::string& directory) {
  if (!free_bytes)
    return {Grade::warning, "space",
            fmt::format("the file system of {} does not say how much is free; look with `df`", directory)};
  const std::uint64_t wanted = 2 * needs.checkpoint_bytes;  // the new one is complete before an old one goes
  const std::string text = fmt::format("{:.1f} GB free in {}; two checkpoints of {} take {:.3f} GB",
                                       static_cast<double>(*free_bytes) / 1e9, directory, needs.origin,
                                       static_cast<double>(wanted) / 1e9);
  if (*free_bytes >= wanted) return {Grade::good, "space", text};
  return {Grade::failure, "space", text + "; free some space, or choose another disk with --run"};
}

Finding judge_allreduce(const AllreduceFacts& facts) {
  constexpr double kSlowLatency = 2000;  // microseconds; ranks that own their cores take a few
  constexpr double kSlowShare = 0.05;    // of a memory copy
  const std::string text =
      fmt::format("4 KB in {:.0f} us, 16 MB at {:.2f} GB/s bus; a memory copy makes {:.1f} GB/s",
                  facts.latency_us, facts.bus_gb_s, facts.copy_gb_s);
  if (facts.latency_us > kSlowLatency)
    return {
        Grade::warning, "allreduce",
        text +
            ": small sums are slow, as when ranks share cores; start fewer ranks, or give each its own cores"};
  if (facts.one_host && facts.bus_gb_s < kSlowShare * facts.copy_gb_s)
    return {Grade::warning, "allreduce",
            text + ": far below what memory allows; look at the cores of the ranks and at /dev/shm above"};
  return {Grade::good, "allreduce", text};
}

}  // namespace annulus::trainer
