// The message with which a job ends that hangs or has lost a rank: who is to blame, where, for how long, who
// waits, and what to do.
#pragma once

#include <string>
#include <vector>

#include "trainer/watch/verdict.hpp"
#include "trainer/watch/watch_state.hpp"

namespace annulus::trainer {

struct LastWords {
  const WatchState& state;
  const OwnView& own;
  const std::vector<PeerView>& peers;
  VitalSigns signs;                       ///< of this rank
  std::string limit_key;                  ///< of the configuration, for this rank's phase
  std::vector<std::string> blocked = {};  ///< blocked_file_calls() of this rank, when it is to blame
};

/// One paragraph. @param verdict  what judge() found
std::string last_words(const LastWords& facts, const Blame& verdict);

/// "step 120, reduction (sum of gradient bucket 3 of 7)"
std::string where(std::uint64_t step, Phase phase, const std::string& text);

}  // namespace annulus::trainer
