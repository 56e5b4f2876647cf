// How a run stands, read from its directory while it runs or afterwards, by a process that has no part in it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "trainer/model/top_k.hpp"
#include "trainer/watch/heartbeat.hpp"
#include "trainer/watch/slow_ranks.hpp"

namespace annulus::trainer {

/// One rank of the last start.
struct RankStatus {
  Heartbeat beat;
  /// Of the heartbeat, by this machine's clock; nothing when it is dated in the future, as after a clock was
  /// set back, or by the clock of another host.
  std::optional<double> age_seconds;
  /// "working", "waiting", "stopped", "silent", "ended", "failed" or "dead"; "unclear" for a rank of another
  /// host whose heartbeat has no age
  std::string condition;
  std::string failure;  ///< what its crash record says, if it left one
};

/// What the metrics say last. Absent: not recorded yet.
struct LastFigures {
  std::optional<std::uint64_t> step;
  std::optional<std::uint64_t> epoch;
  std::optional<double> loss;
  std::optional<double> accuracy;
  std::optional<TopAccuracy> top;  ///< with metrics.top_k
  std::optional<double> validation_accuracy;
  std::optional<TopAccuracy> validation_top;
  std::optional<double> images_per_second;
  std::optional<double> steps_per_second;
};

struct RunStatus {
  std::string state;  ///< "running", "ended", "stopped", "died", or "not started" without any heartbeat
  std::optional<int> exit_code;  ///< of a run that has ended
  int ranks = 0;                 ///< of the last start; not all of them need have left a heartbeat
  std::uint64_t step = 0;
  std::uint64_t total_steps = 0;      ///< 0 = not known
  std::uint64_t steps_per_epoch = 0;  ///< 0 = not known
  LastFigures figures;
  std::optional<double> seconds_left;
  std::vector<std::uint64_t> checkpoints;        ///< steps, oldest first
  std::optional<std::uint64_t> best_checkpoint;  ///< by checkpoint.best_by
  std::vector<RankStatus> rank_status;           ///< by rank
  std::optional<SlowRank> slow;                  ///< holds the others up
};

/// @throws UsageError when `run` is not a run directory
RunStatus read_run_status(const std::filesystem::path& run);

/// The last figures in the text of a metrics.jsonl, or of its end; lines that cannot be read are passed over.
LastFigures last_figures(const std::string& text);

}  // namespace annulus::trainer
