// What a rank knows of the others: who they are, and their heartbeats as they were read last.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/process_identity.hpp"
#include "comm/ranks/process_group.hpp"
#include "trainer/watch/heartbeat.hpp"
#include "trainer/watch/verdict.hpp"

namespace annulus::trainer {

/// All ranks of this start of the program.
struct Party {
  int rank = 0;
  std::uint64_t start = 0;                  ///< number that rank 0 has drawn for this start
  std::vector<ProcessIdentity> identities;  ///< by rank

  int ranks() const { return static_cast<int>(identities.size()); }
  const ProcessIdentity& self() const { return identities[static_cast<std::size_t>(rank)]; }
  /// Whether this rank can look at the process of another one.
  bool is_here(int other) const { return identities[static_cast<std::size_t>(other)].place == self().place; }
  bool all_are_here() const;
};

/// Collective. @param host  name of this machine
Party meet(comm::ProcessGroup& group, const std::string& host);

/// Filled by the thread that may hang on files, read by the one that must not. Thread-safe.
class PeerTable {
 public:
  explicit PeerTable(const Party& party) : party_(party) {}

  /// What was read at time `now` (steady_seconds); heartbeats of other starts are ignored.
  void update(const std::map<int, Heartbeat>& heartbeats, const std::map<int, std::string>& failures,
              double now);
  /// Which ranks of other hosts hold the lock on their heartbeat. One that was seen to hold it and does so no
  /// more is gone, unless its heartbeat goes on: then the lock was lost on the way.
  void update_locks(const std::set<int>& held);
  bool has_seen_all_locks() const;
  /// All other ranks. Heartbeats that were read too long ago are left out: nobody knows what is true now.
  /// @param look  asks the system about ranks of this host, one small file each, and looks at locks of others
  enum class Look { no, yes };
  std::vector<PeerView> view(double now, Look look) const;
  /// Newest heartbeats, by rank.
  std::map<int, Heartbeat> heartbeats() const;

 private:
  struct Entry {
    Heartbeat last;
    double changed = 0;  ///< when it last read differently
    bool was_locked = false;
    bool is_locked = false;
  };

  bool let_go(const Entry& entry) const;

  const Party& party_;
  mutable std::mutex mutex_;
  std::map<int, Entry> entries_;
  std::map<int, std::string> failures_;
  double updated_ = 0;
};

}  // namespace annulus::trainer
