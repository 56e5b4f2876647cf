// See same_numbers.hpp.
#include "trainer/loop/same_numbers.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/stable_hash.hpp"
#include "trainer/loop/trial_shard.hpp"

namespace annulus::trainer {
namespace {

static_assert(std::is_trivially_copyable_v<RankNumbers>);

template <std::size_t kSize>
void copy_text(const std::string& text, char (&field)[kSize]) {
  text.copy(field, kSize - 1);
}

bool lengths_differ(const RankNumbers& one, const RankNumbers& other) {
  return one.parameters != other.parameters || one.statistics != other.statistics ||
         one.gradient != other.gradient;
}

/// What makes two ranks compute other bits.
std::vector<std::string> differences(const RankNumbers& odd, const RankNumbers& usual) {
  std::vector<std::string> texts;
  const auto compare = [&](const char* what, std::string_view here, std::string_view there) {
    if (here != there) texts.push_back(fmt::format("{} {} instead of {}", what, here, there));
  };
  const bool tried = odd.trial != 0 && usual.trial != 0;
  const bool counts = !tried || odd.trial != usual.trial || odd.kernels != usual.kernels;
  // Other processors may well compute the same bits; where they do not, they are the likely reason.
  if (counts) compare("the processor", odd.processor, usual.processor);
  if (counts) compare("the instruction set", odd.instructions, usual.instructions);
  compare("the libraries", odd.libraries, usual.libraries);
  if (lengths_differ(odd, usual))
    texts.push_back(fmt::format("buffers of {} parameters and {} gradients instead of {} and {}",
                                odd.parameters, odd.gradient, usual.parameters, usual.gradient));
  if (odd.kernels != usual.kernels) texts.push_back(fmt::format("other kernels for the same layers"));
  if (tried && odd.trial != usual.trial)
    texts.push_back(fmt::format("{:016x} instead of {:016x} from a trial shard", odd.trial, usual.trial));
  return texts;
}

/// The rank that most are like; the first of them.
const RankNumbers& usual_rank(std::span<const RankNumbers> ranks) {
  const auto followers = [&](const RankNumbers& one) {
    return std::ranges::count_if(ranks,
                                 [&](const RankNumbers& other) { return differences(other, one).empty(); });
  };
  const RankNumbers* usual = &ranks.front();
  for (const RankNumbers& rank : ranks)
    if (followers(rank) > followers(*usual)) usual = &rank;
  return *usual;
}

RankNumbers numbers_of(Replica& replica, const Machine& machine, const std::string& host,
                       std::uint64_t trial) {
  const ArenaLayout& layout = replica.layout();
  RankNumbers mine{.parameters = layout.trainable_count,
                   .statistics = layout.statistics_count,
                   .gradient = gradient_elements(layout),
                   .kernels = stable_hash(machine.kernels),
                   .trial = trial};
  copy_text(host, mine.host);
  copy_text(machine.processor, mine.processor);
  copy_text(machine.instructions, mine.instructions);
  copy_text(machine.libraries, mine.libraries);
  return mine;
}

std::string machine_text(const Machine& machine) {
  std::string text = machine.processor;
  for (const std::string& part : {machine.instructions, machine.libraries})
    if (!part.empty()) text += (text.empty() ? "" : ", ") + part;
  return text;
}

/// A GPU has none: its steps are captured from other calls than those that a trial could use.
std::uint64_t trial_of(const Config& config, Replica& replica) {
  if (std::string_view(replica.kind()) == "cuda") return 0;
  replica.set_checks(ValueChecks::off);  // made-up samples prove nothing about values
  const std::uint64_t hash = trial_hash(replica, config.batch.size / config.batch.shards);
  replica.set_checks(config.debug ? ValueChecks::on : ValueChecks::off);
  return hash;
}

}  // namespace

std::string odd_ranks(std::span<const RankNumbers> ranks) {
  constexpr std::size_t kShown = 4;
  const RankNumbers& usual = usual_rank(ranks);
  std::vector<std::string> odd;
  for (std::size_t rank = 0; rank < ranks.size(); ++rank)
    if (const auto texts = differences(ranks[rank], usual); !texts.empty())
      odd.push_back(fmt::format("rank {} on host {} has {}", rank, ranks[rank].host, fmt::join(texts, ", ")));
  if (odd.empty()) return "";
  const std::size_t more = odd.size() > kShown ? odd.size() - kShown : 0;
  odd.resize(odd.size() - more);
  return fmt::format("{}{}", fmt::join(odd, "; "), more > 0 ? fmt::format("; and {} more ranks", more) : "");
}

NumbersRecord require_same_numbers(const Config& config, Replica& replica, comm::ProcessGroup& group,
                                   const std::string& host) {
  const Machine machine = replica.machine();
  const std::uint64_t trial = trial_of(config, replica);
  const RankNumbers mine = numbers_of(replica, machine, host, trial);
  std::vector<RankNumbers> all(static_cast<std::size_t>(group.size()));
  group.all_gather(std::as_bytes(std::span(&mine, 1)), std::as_writable_bytes(std::span(all)),
                   "comparison of what the ranks compute");
  NumbersRecord record{machine_text(machine), machine.instructions, trial, trial_subject(config)};
  const std::string odd = odd_ranks(all);
  if (odd.empty()) return record;
  const bool lengths =
      std::ranges::any_of(all, [&](const RankNumbers& rank) { return lengths_differ(rank, all.front()); });
  if (lengths || config.device.mixed == MixedMachines::refuse) {
    throw UsageError(
        "the ranks do not compute alike, and the numbers would depend on who computes which shard: {}. Start on {}{}.",
        odd,
        trial == 0
            ? "GPUs of one kind with the same libraries"
            : "hosts of one kind (`sbatch --constraint`), or with the same libraries and one instruction set that all of them have (e.g. device.isa=avx2)",
        lengths ? "" : "; or accept it with device.mixed=allow");
  }
  if (group.rank() == 0)
    log_warning(
        "the ranks do not compute alike: {}. As device.mixed allows it, the numbers depend on who computes which shard, and no other start will repeat them.",
        odd);
  record.trial = 0;  // of no use: another start has other ranks
  return record;
}

}  // namespace annulus::trainer
