// Whether a job must end, and which rank is to blame: decided from what one rank knows of itself and of the
// others, without looking anything up.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/process_identity.hpp"
#include "trainer/watch/heartbeat.hpp"

namespace annulus::trainer {

/// What a rank knows of another one.
struct PeerView {
  int rank = 0;
  Life life = Life::elsewhere;    ///< as the system says, for ranks of this host
  std::optional<Heartbeat> last;  ///< newest heartbeat; nothing when none was seen
  double silent_seconds = 0;      ///< since that heartbeat changed, on the observer's clock
  std::string failure;            ///< its crash record's message; empty when there is none
};

/// What a rank knows of itself.
struct OwnView {
  int rank = 0;
  Phase phase = Phase::start;
  bool waiting = false;      ///< for other ranks
  double quiet_seconds = 0;  ///< without a sign of progress
  double limit_seconds = 0;  ///< of own work in this phase
};

struct VerdictRules {
  double stopped_seconds = 30;   ///< of a stopped rank, whatever phase it is in: it does no work
  double grace_seconds = 5;      ///< a rank that waits gives the others so much longer, to speak first
  double silence_seconds = 30;   ///< of a rank on another host until it counts as lost
  double unknown_seconds = 600;  ///< limit of a wait when nothing is known of the others
};

enum class Cause {
  failed,    ///< has written a crash record
  gone,      ///< its process has ended
  stopped,   ///< its process is stopped by a signal
  overdue,   ///< its own work shows no progress
  silent,    ///< no heartbeat arrives from it
  deadlock,  ///< all ranks wait for each other
};

struct Blame {
  int rank = 0;  ///< to blame; with a deadlock the one least far
  Cause cause = Cause::overdue;
};

/// @param own   of the rank that judges
/// @param peers all others; heartbeats may be missing
/// @return nothing as long as there is hope
std::optional<Blame> judge(const OwnView& own, const std::vector<PeerView>& peers, const VerdictRules& rules);

/// A rank of this host that has ended without saying so. For when the launcher already ends the job.
std::optional<Blame> find_gone(const std::vector<PeerView>& peers);

}  // namespace annulus::trainer
