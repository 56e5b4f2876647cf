// See instruction_choice.hpp.
#include "trainer/backend/instruction_choice.hpp"

#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/log.hpp"
#include "trainer/backend/contract/processor.hpp"

namespace annulus::trainer {
namespace {

std::string rank_text(std::span<const RankProcessor> ranks, std::size_t rank) {
  const RankProcessor& each = ranks[rank];
  return fmt::format("rank {} on {} ({}) has {}", rank, each.host, each.name, word_of(each.isa));
}

/// Of the ranks that `wanted` picks.
template <class Wanted>
std::string list_of(std::span<const RankProcessor> ranks, const Wanted& wanted) {
  constexpr std::size_t kShown = 8;
  std::vector<std::string> texts;
  std::size_t more = 0;
  for (std::size_t rank = 0; rank < ranks.size(); ++rank) {
    if (!wanted(ranks[rank])) continue;
    if (texts.size() < kShown)
      texts.push_back(rank_text(ranks, rank));
    else
      ++more;
  }
  return fmt::format("{}{}", fmt::join(texts, "; "), more > 0 ? fmt::format("; and {} more", more) : "");
}

}  // namespace

RankProcessor own_processor(const std::string& host) {
  RankProcessor mine;
  host.copy(mine.host, sizeof mine.host - 1);
  processor_name().copy(mine.name, sizeof mine.name - 1);
  mine.isa = own_instruction_set();
  return mine;
}

InstructionSet choose_instructions(const InstructionWish& wish, std::span<const RankProcessor> ranks) {
  const InstructionSet lowest = std::ranges::min_element(ranks, {}, &RankProcessor::isa)->isa;
  if (wish.asked == InstructionSet::automatic)
    return wish.earlier == InstructionSet::automatic ? lowest : std::min(lowest, wish.earlier);
  if (wish.asked <= lowest) return wish.asked;
  throw UsageError(
      "device.isa is {}, but {}. Start on other hosts, or with device.isa={} or auto.", word_of(wish.asked),
      list_of(ranks, [&](const RankProcessor& rank) { return rank.isa < wish.asked; }), word_of(lowest));
}

std::string mixed_text(std::span<const RankProcessor> ranks) {
  const auto differs = [&](const RankProcessor& rank) { return rank.isa != ranks.front().isa; };
  if (std::ranges::none_of(ranks, differs)) return "";
  return fmt::format("{}, but {}", rank_text(ranks, 0), list_of(ranks, differs));
}

void agree_on_instructions(const InstructionWish& wish, comm::ProcessGroup& group, const std::string& host) {
  const RankProcessor mine = own_processor(host);
  std::vector<RankProcessor> all(static_cast<std::size_t>(group.size()));
  group.all_gather(std::as_bytes(std::span(&mine, 1)), std::as_writable_bytes(std::span(all)),
                   "choice of an instruction set");
  const InstructionSet chosen = choose_instructions(wish, all);
  const std::string mixed = mixed_text(all);
  if (!mixed.empty() && group.rank() == 0)
    log_warning(
        "the processors of the ranks differ: {}. All compute with {}, so that the numbers do not depend on who computes what.",
        mixed, word_of(chosen));
  else if (wish.asked == InstructionSet::automatic && chosen < mine.isa)
    log_info("computing with {}, as this run began, although the processor has {} (device.isa)",
             word_of(chosen), word_of(mine.isa));
  if (chosen != mine.isa) limit_instruction_set(chosen);
}

}  // namespace annulus::trainer
