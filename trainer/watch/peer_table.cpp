// Filled by the herald, read by the watchdog; the mutex is held for copies only, never for a file.
#include "trainer/watch/peer_table.hpp"

#include <algorithm>
#include <random>
#include <span>

#include "trainer/watch/times.hpp"

namespace annulus::trainer {

bool Party::all_are_here() const {
  return std::ranges::all_of(identities, [this](const auto& one) { return one.place == self().place; });
}

Party meet(comm::ProcessGroup& group, const std::string& host) {
  Party party{.rank = group.rank(), .start = 0, .identities = {}};
  if (party.rank == 0) party.start = std::random_device()() * std::uint64_t{1000003} + std::random_device()();
  group.broadcast(std::as_writable_bytes(std::span(&party.start, 1)), 0, "number of this start");
  const ProcessIdentity mine = own_identity(host);
  party.identities.resize(static_cast<std::size_t>(group.size()));
  group.all_gather(std::as_bytes(std::span(&mine, 1)), std::as_writable_bytes(std::span(party.identities)),
                   "processes of all ranks");
  for (ProcessIdentity& identity : party.identities) identity.host.back() = '\0';
  return party;
}

void PeerTable::update(const std::map<int, Heartbeat>& heartbeats, const std::map<int, std::string>& failures,
                       double now) {
  const std::lock_guard lock(mutex_);
  updated_ = now;
  failures_ = failures;
  for (const auto& [rank, beat] : heartbeats) {
    if (beat.start != party_.start || rank >= party_.ranks()) continue;
    const auto known = entries_.find(rank);
    if (known != entries_.end() && known->second.last.beats == beat.beats) continue;
    // The observer's own clock: clocks of hosts differ, and what counts is that a heartbeat goes on, not when
    // it says it was written.
    entries_[rank].last = beat;
    entries_[rank].changed = now;
  }
}

void PeerTable::update_locks(const std::set<int>& held) {
  const std::lock_guard lock(mutex_);
  for (auto& [rank, entry] : entries_) {
    entry.is_locked = held.contains(rank);
    entry.was_locked |= entry.is_locked;
  }
}

bool PeerTable::has_seen_all_locks() const {
  const std::lock_guard lock(mutex_);
  for (int rank = 0; rank < party_.ranks(); ++rank) {
    const auto known = entries_.find(rank);
    const bool seen = known != entries_.end() && known->second.was_locked;
    if (!seen && !party_.is_here(rank)) return false;
  }
  return true;
}

/// The system drops a lock when its process dies, however that happens. But a lock can also be lost on the
/// way while the process lives (a server that starts anew): only together with missing heartbeats is it
/// proof.
bool PeerTable::let_go(const Entry& entry) const {
  return entry.was_locked && !entry.is_locked && updated_ - entry.changed > kSecondsToMiss;
}

std::vector<PeerView> PeerTable::view(double now, Look look) const {
  std::vector<PeerView> peers;
  {
    const std::lock_guard lock(mutex_);
    for (int rank = 0; rank < party_.ranks(); ++rank) {
      if (rank == party_.rank) continue;
      PeerView peer{.rank = rank};
      peer.life = party_.is_here(rank) ? Life::running : Life::elsewhere;
      const auto known = entries_.find(rank);
      if (known != entries_.end() && now - updated_ < kStaleSeconds) {
        peer.last = known->second.last;
        peer.silent_seconds = updated_ - known->second.changed;
        if (look == Look::yes && let_go(known->second)) peer.life = Life::gone;
      }
      const auto failure = failures_.find(rank);
      if (failure != failures_.end()) peer.failure = failure->second;
      peers.push_back(std::move(peer));
    }
  }
  for (PeerView& peer : peers) {
    if (look == Look::no || !party_.is_here(peer.rank)) continue;
    peer.life = look_up(party_.identities[static_cast<std::size_t>(peer.rank)], party_.self());
  }
  return peers;
}

std::map<int, Heartbeat> PeerTable::heartbeats() const {
  const std::lock_guard lock(mutex_);
  std::map<int, Heartbeat> found;
  for (const auto& [rank, entry] : entries_) found[rank] = entry.last;
  return found;
}

}  // namespace annulus::trainer
