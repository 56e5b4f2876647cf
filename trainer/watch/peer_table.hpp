// What a rank knows of the others: who they are, and their heartbeats as they were read last.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "base/process_identity.hpp"
#include "comm/process_group.hpp"
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
  /// All other ranks. Heartbeats that were read too long ago are left out: nobody knows what is true now.
  /// @param look  asks the system about ranks of this host, one small file each
  enum class Look { no, yes };
  std::vector<PeerView> view(double now, Look look) const;
  /// Newest heartbeats, by rank.
  std::map<int, Heartbeat> heartbeats() const;

 private:
  struct Entry {
    Heartbeat last;
    double changed = 0;  ///< when it last read differently
  };

  const Party& party_;
  mutable std::mutex mutex_;
  std::map<int, Entry> entries_;
  std::map<int, std::string> failures_;
  double updated_ = 0;
};

}  // namespace annulus::trainer
