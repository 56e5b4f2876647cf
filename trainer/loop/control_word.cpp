// One small all-gather and a comparison.
#include "trainer/loop/control_word.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

namespace annulus::trainer {
namespace {

/// What travels: no padding, so that no byte of it is undefined.
struct Message {
  ControlWord word;
  std::uint64_t error = 0;  ///< an ExitCode; 0 = this rank can go on
};
static_assert(std::has_unique_object_representations_v<Message>);

/// Ends all ranks with the words of the one that failed.
[[noreturn]] void share_failure(comm::ProcessGroup& group, int failed, ExitCode code, const Error* failure) {
  std::string text;
  if (group.rank() == failed) text = (failed == 0 ? "" : fmt::format("rank {}: ", failed)) + failure->what();
  std::uint64_t length = text.size();
  group.broadcast(std::as_writable_bytes(std::span(&length, 1)), failed, "length of an error message");
  text.resize(length);
  group.broadcast(std::as_writable_bytes(std::span(text)), failed, "error message");
  throw Error(code, text);
}

void check_steps(const std::vector<Message>& all) {
  for (std::size_t rank = 0; rank < all.size(); ++rank)
    if (all[rank].word.step != all[0].word.step)
      throw RuntimeError(
          "rank {} is at step {} but rank 0 at step {}: the ranks no longer run in step. This is a fault of the program; please report it with the run directory.",
          rank, all[rank].word.step, all[0].word.step);
}

/// The hash that most ranks have; rank 0's when there is no such.
std::uint64_t usual_hash(const std::vector<Message>& all) {
  const auto votes = [&](std::uint64_t hash) {
    return std::count_if(all.begin(), all.end(), [&](const Message& one) { return one.word.hash == hash; });
  };
  std::uint64_t usual = all[0].word.hash;
  for (const Message& message : all)
    if (votes(message.word.hash) > votes(usual)) usual = message.word.hash;
  return usual;
}

void check_hashes(const std::vector<Message>& all) {
  const std::uint64_t usual = usual_hash(all);
  std::vector<std::string> odd;
  for (std::size_t rank = 0; rank < all.size(); ++rank)
    if (all[rank].word.hash != usual) odd.push_back(fmt::format("{} ({:016x})", rank, all[rank].word.hash));
  if (odd.empty()) return;
  throw RuntimeError(
      "after step {} the state of rank {} differs from that of the other ranks ({:016x}). Replicas must be equal bit for bit: check for mixed processor types or library versions among the hosts, then for faulty memory.",
      all[0].word.step, fmt::join(odd, ", "), usual);
}

}  // namespace

/// All ranks hold the same `all` and draw the same conclusions from it, in the same order: that is why
/// share_failure may be collective. Steps come first, as nothing else can be compared between ranks at
/// different ones; errors come before hashes, as a rank that failed may well have another state, and its
/// error says why.
ControlWord agree(comm::ProcessGroup& group, const ControlWord& mine, const Error* failure) {
  const Message message{.word = mine,
                        .error = failure == nullptr ? 0 : static_cast<std::uint64_t>(failure->code())};
  std::vector<Message> all(static_cast<std::size_t>(group.size()));
  group.all_gather(std::as_bytes(std::span(&message, 1)), std::as_writable_bytes(std::span(all)),
                   "control word");
  check_steps(all);
  ControlWord agreed = mine;
  bool found = false;
  for (int rank = 0; rank < group.size(); ++rank) {
    const Message& theirs = all[static_cast<std::size_t>(rank)];
    if (theirs.error != 0) share_failure(group, rank, static_cast<ExitCode>(theirs.error), failure);
    agreed.anomaly |= theirs.word.anomaly;
    if (theirs.word.stop == 0 || found) continue;
    found = true;
    agreed.stop = theirs.word.stop;
    agreed.stopped = static_cast<std::uint64_t>(rank);
  }
  check_hashes(all);
  return agreed;
}

std::optional<Error> failure_of(const io::SampleSource* source) {
  try {
    if (source != nullptr) source->check_unchanged();
    return std::nullopt;
  } catch (const Error& error) {
    return error;
  }
}

}  // namespace annulus::trainer
