// The message with which a job ends that hangs or has lost a rank: who is to blame, where, for how long, who
// waits, and what to do.
#pragma once

#include <filesystem>
#include <optional>
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
  /// newest_checkpoint() of the run; nothing when its directory did not answer in time
  std::optional<std::uint64_t> listed_checkpoint = {};
};

/// Step of the newest complete checkpoint by the names in a run directory: only rank 0 knows it without
/// looking.
/// @return 0 when there is none
std::uint64_t newest_checkpoint(const std::filesystem::path& run);

/// One paragraph. @param verdict  what judge() found
std::string last_words(const LastWords& facts, const Blame& verdict);

/// "step 120, reduction (sum of gradient bucket 3 of 7)"
std::string where(std::uint64_t step, Phase phase, const std::string& text);

}  // namespace annulus::trainer
