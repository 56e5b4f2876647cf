// The order of blame: a crash record, a dead process, a stopped one, a rank over its own limit, a silent one;
// and if everybody waits, the rank that is least far. The surer the sign, the earlier it comes: a record is a
// confession, a missing heartbeat may be a slow file system.
//
// Two questions that must not be mixed up: *whether* to end the job (judge), and *whom* to blame
// (find_culprit). When one rank hangs all others wait, and ask both with the same facts at almost the
// same time: they should come to the same name.
//
//   this rank   others                           ends the job when
//   works       (not looked at)                  its own limit is over: it blames itself
//   waits       one is gone                      at once
//               one of another host is silent    this rank has been quiet for silence_seconds as well
//               one is stopped (SIGSTOP)         stopped_seconds + grace
//               one is over its own limit        it and this rank are, by the grace: its watchdog hangs too
//               one is at work, within limits    never: that one has a watchdog, which knows better
//               all wait                         this rank's limit + grace: a deadlock
//               nothing is known of one          unknown_seconds + grace
//
// A wait has no limit of its own, therefore: it may take as long as the work of whoever is waited for. That
// is why a long checkpoint on rank 0 does not end the job on the others.
#include "trainer/watch/verdict.hpp"

#include <algorithm>

#include "trainer/watch/times.hpp"

namespace annulus::trainer {
namespace {

bool ended_orderly(const PeerView& peer) { return peer.last && peer.last->state == RankState::ended; }

/// The first peer of which `holds` is true.
template <class Holds>
std::optional<int> first(const std::vector<PeerView>& peers, const Holds& holds) {
  const auto found = std::find_if(peers.begin(), peers.end(), holds);
  if (found == peers.end()) return std::nullopt;
  return found->rank;
}

bool is_gone(const PeerView& peer) { return peer.life == Life::gone && !ended_orderly(peer); }

/// Heartbeats stop with the process, so a rank of this host that still runs is not silent, just unheard.
bool is_silent(const PeerView& peer, const VerdictRules& rules) {
  return peer.silent_seconds > rules.silence_seconds && peer.life != Life::running && !ended_orderly(peer);
}

/// Too quiet for its last heartbeat, that it waits, to prove anything.
bool misses_beats(const PeerView& peer) {
  return peer.silent_seconds > kSecondsToDoubt && peer.life == Life::elsewhere && !ended_orderly(peer);
}

/// At work, by a heartbeat that may be believed.
bool is_at_work(const PeerView& peer, const VerdictRules& rules) {
  const bool may_work = peer.life == Life::running || peer.life == Life::elsewhere;
  return may_work && peer.last && !peer.last->waiting && peer.last->state == RankState::running &&
         peer.silent_seconds <= rules.silence_seconds;
}

bool is_overdue(const PeerView& peer, const VerdictRules& rules) {
  return is_at_work(peer, rules) &&
         peer.last->quiet_seconds + peer.silent_seconds > peer.last->limit_seconds + rules.grace_seconds;
}

/// How long this wait may last: as long as the work of any rank that is waited for. A stopped process does no
/// work, whatever its last heartbeat says; that may be a second old, and of a phase long over.
double patience(const OwnView& own, const std::vector<PeerView>& peers, const VerdictRules& rules) {
  double limit = own.limit_seconds;
  for (const PeerView& peer : peers) {
    if (peer.life == Life::stopped) continue;
    if (!peer.last)
      limit = std::max(limit, rules.unknown_seconds);
    else if (!peer.last->waiting)
      limit = std::max(limit, peer.last->limit_seconds);
  }
  return limit + rules.grace_seconds;
}

/// The rank with the least steps, one at work before one that waits, this one last.
int least_far(const OwnView& own, const std::vector<PeerView>& peers) {
  const PeerView* least = nullptr;
  for (const PeerView& peer : peers) {
    if (!peer.last) continue;
    const auto key = [](const PeerView& one) { return std::pair(one.last->step, one.last->waiting); };
    if (least == nullptr || key(peer) < key(*least)) least = &peer;
  }
  return least != nullptr ? least->rank : own.rank;
}

/// Whom a rank blames whose patience is over.
Blame find_culprit(const OwnView& own, const std::vector<PeerView>& peers, const VerdictRules& rules) {
  if (const auto rank = first(peers, [](const auto& peer) { return !peer.failure.empty(); }))
    return {*rank, Cause::failed};
  if (const auto rank = first(peers, is_gone)) return {*rank, Cause::gone};
  if (const auto rank = first(peers, [](const auto& peer) { return peer.life == Life::stopped; }))
    return {*rank, Cause::stopped};
  if (const auto rank = first(peers, [&](const auto& peer) { return is_overdue(peer, rules); }))
    return {*rank, Cause::overdue};
  if (const auto rank = first(peers, [&](const auto& peer) { return is_silent(peer, rules); }))
    return {*rank, Cause::silent};
  if (const auto rank = first(peers, [](const auto& peer) { return !peer.last; }))
    return {*rank, Cause::silent};
  if (const auto rank = first(peers, [](const auto& peer) { return !peer.last->waiting; }))
    return {*rank, Cause::overdue};
  if (const auto rank = first(peers, misses_beats)) return {*rank, Cause::silent};
  return {least_far(own, peers), Cause::deadlock};
}

}  // namespace

std::optional<Blame> find_gone(const std::vector<PeerView>& peers) {
  const auto rank = first(peers, is_gone);
  if (!rank) return std::nullopt;
  const auto failed = first(peers, [](const auto& peer) { return !peer.failure.empty(); });
  return failed ? Blame{*failed, Cause::failed} : Blame{*rank, Cause::gone};
}

std::optional<Blame> judge(const OwnView& own, const std::vector<PeerView>& peers,
                           const VerdictRules& rules) {
  // At work: whatever the others do, this rank still can do its own; and if it cannot, nobody knows that
  // sooner.
  if (!own.waiting) {
    if (own.quiet_seconds <= own.limit_seconds) return std::nullopt;
    return Blame{own.rank, Cause::overdue};
  }
  if (const auto gone = find_gone(peers)) return gone;
  // Both must have been quiet for so long. A heartbeat may be unheard while all work on (a hanging file
  // system): as long as this rank's waits end, the peer lives.
  const auto lost = [&](const auto& peer) { return peer.life == Life::elsewhere && is_silent(peer, rules); };
  if (own.quiet_seconds > rules.silence_seconds && first(peers, lost)) return find_culprit(own, peers, rules);
  const bool stopped = first(peers, [](const auto& peer) { return peer.life == Life::stopped; }).has_value();
  if (stopped && own.quiet_seconds > rules.stopped_seconds + rules.grace_seconds)
    return find_culprit(own, peers, rules);
  if (own.quiet_seconds <= own.limit_seconds + rules.grace_seconds) return std::nullopt;
  if (first(peers, [&](const auto& peer) { return is_overdue(peer, rules); }))
    return find_culprit(own, peers, rules);
  // A rank at work has a watchdog of its own. It knows better, as long as it is heard.
  if (first(peers, [&](const auto& peer) { return is_at_work(peer, rules); })) return std::nullopt;
  if (own.quiet_seconds <= patience(own, peers, rules)) return std::nullopt;
  return find_culprit(own, peers, rules);
}

}  // namespace annulus::trainer
