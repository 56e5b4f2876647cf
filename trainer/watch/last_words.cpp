// The one message of a job that ends: who and why, what the others waited for, what to do next.
#include "trainer/watch/last_words.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <string_view>

namespace annulus::trainer {
namespace {

const PeerView* peer_of(const LastWords& facts, int rank) {
  const auto found = std::find_if(facts.peers.begin(), facts.peers.end(),
                                  [&](const auto& peer) { return peer.rank == rank; });
  return found == facts.peers.end() ? nullptr : &*found;
}

std::string name_of(const LastWords& facts, int rank) {
  const ProcessIdentity& identity = facts.state.party.identities[static_cast<std::size_t>(rank)];
  return fmt::format("rank {} on host {} (process {})", rank, identity.host.data(), identity.process);
}

std::string own_where(const LastWords& facts) {
  return where(facts.signs.step, facts.signs.phase, facts.signs.text.data());
}

std::string sentence(const std::string& text) {
  return text.empty() || text.ends_with('.') ? text : text + ".";
}

/// What the one to blame was doing, by its last heartbeat.
std::string last_seen(const PeerView* peer) {
  if (peer == nullptr || !peer->last) return "It left no heartbeat that says what it was doing.";
  const Heartbeat& beat = *peer->last;
  return fmt::format("By its last heartbeat it was {} {}.", beat.waiting ? "waiting at" : "at",
                     where(beat.step, beat.phase, beat.text));
}

/// The file system that does not answer, if that is what it is.
std::string stuck_on(const LastWords& facts) {
  if (facts.blocked.empty()) return "";
  return fmt::format(" It is stuck in: {}; does that file system answer?", fmt::join(facts.blocked, ", "));
}

std::string accusation(const LastWords& facts, const Blame& verdict) {
  const std::string name = name_of(facts, verdict.rank);
  const PeerView* const peer = peer_of(facts, verdict.rank);
  switch (verdict.cause) {
    case Cause::failed:
      return fmt::format("{} failed: {}", name, peer != nullptr ? sentence(peer->failure) : "");
    case Cause::gone:
      if (facts.state.run().empty())  // where it could have left its reason
        return fmt::format(
            "{} has ended before the run was open. If it gave a reason, that stands above; if not, and nobody killed it, `dmesg` on that host tells whether memory ran out.",
            name);
      return fmt::format(
          "{} is dead: its process has ended without a word. {} If nobody killed it, `dmesg` on that host tells whether memory ran out.",
          name, last_seen(peer));
    case Cause::stopped:
      return fmt::format("{} has been stopped by a signal (SIGSTOP or the like) and was not woken. {}", name,
                         last_seen(peer));
    case Cause::silent:
      return fmt::format("{} has gone silent: no heartbeat for {:.0f} s. {} Is its host up, and its network?",
                         name, peer != nullptr ? peer->silent_seconds : 0.0, last_seen(peer));
    case Cause::deadlock:
      return fmt::format(
          "all ranks wait for each other, which is a fault of the program; please report it with the run directory. Least far is {}. {}",
          name, verdict.rank == facts.own.rank ? "It is at " + own_where(facts) + "." : last_seen(peer));
    case Cause::overdue:
      break;
  }
  if (verdict.rank != facts.own.rank)
    return fmt::format("{} hangs, and so does its watchdog. {}", name, last_seen(peer));
  return fmt::format(
      "{} hangs: no sign of progress for {:.0f} s at {}.{} If that is how long it takes, raise {} (the limit was {:.0f} s).",
      name, facts.own.quiet_seconds, own_where(facts), stuck_on(facts), facts.limit_key,
      facts.own.limit_seconds);
}

/// What those who are not to blame wait for.
std::string witnesses(const LastWords& facts, const Blame& verdict) {
  if (facts.own.waiting && verdict.rank != facts.own.rank)
    return fmt::format("Rank {} had waited {:.1f} s for it at {}.", facts.own.rank, facts.own.quiet_seconds,
                       own_where(facts));
  for (const PeerView& peer : facts.peers)
    if (peer.last && peer.last->waiting)
      return fmt::format("Rank {} waits for it at {}.", peer.rank,
                         where(peer.last->step, peer.last->phase, peer.last->text));
  return {};
}

std::string what_next(const LastWords& facts) {
  std::uint64_t newest = vital_figures().checkpoint_step;
  for (const PeerView& peer : facts.peers)
    if (peer.last) newest = std::max(newest, peer.last->checkpoint_step);
  const std::string run = facts.state.run().string();
  if (run.empty()) return "The same command can be started again.";
  newest = std::max(newest, facts.listed_checkpoint.value_or(0));
  if (newest == 0 && !facts.listed_checkpoint)
    return fmt::format(
        "The same command goes on from the newest checkpoint, if there is one: {}/checkpoints did not answer. More in {}/crash.",
        run, run);
  if (newest == 0) return "There is no checkpoint yet: the same command starts from the beginning.";
  return fmt::format(
      "The newest complete checkpoint is that of step {}: the same command goes on from there. More in {}/crash.",
      newest, run);
}

}  // namespace

std::uint64_t newest_checkpoint(const std::filesystem::path& run) {
  std::uint64_t newest = 0;
  std::error_code none;
  std::filesystem::directory_iterator entry(run / "checkpoints", none);
  for (; !none && entry != std::filesystem::directory_iterator(); entry.increment(none)) {
    const std::string name = entry->path().filename().string();
    constexpr std::string_view kBegin = "step-";
    std::uint64_t step = 0;
    const auto [stop, error] =
        std::from_chars(name.data() + std::min(kBegin.size(), name.size()), name.data() + name.size(), step);
    if (name.starts_with(kBegin) && error == std::errc{} && std::string_view(stop) == ".h5")
      newest = std::max(newest, step);
  }
  return newest;
}

std::string where(std::uint64_t step, Phase phase, const std::string& text) {
  std::string place = step > 0 ? fmt::format("step {}, ", step) : "";
  place += fmt::format("phase '{}'", to_string(phase));
  if (!text.empty()) place += fmt::format(" ({})", text);
  return place;
}

std::string last_words(const LastWords& facts, const Blame& verdict) {
  std::string text = accusation(facts, verdict);
  if (const std::string more = witnesses(facts, verdict); !more.empty()) text += " " + more;
  return text + " " + what_next(facts);
}

}  // namespace annulus::trainer
