// The sign of life that every rank leaves in the run directory: one line of JSON of a fixed size, written in
// one piece. Read by the other ranks when they wait for long, and by `annulus status`.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "base/enum_words.hpp"
#include "base/process_identity.hpp"
#include "base/vital_signs.hpp"

namespace annulus::trainer {

/// How a process stands to its end.
enum class RankState {
  running,
  failed,  ///< has met an error and is going down
  ended,   ///< orderly, with an exit code
};

struct Heartbeat {
  std::uint64_t start = 0;  ///< the same for all ranks of a start of the program, different at the next one
  int rank = 0;
  int ranks = 1;
  std::string host;
  std::int64_t process = 0;
  std::uint64_t process_started = 0;  ///< with `process` and `place`: ProcessIdentity
  std::uint64_t place = 0;
  RankState state = RankState::running;
  int exit_code = 0;

  Phase phase = Phase::start;
  bool waiting = false;  ///< for other ranks
  std::uint64_t step = 0;
  std::string text;
  double quiet_seconds = 0;  ///< since the last sign of progress
  double limit_seconds = 0;  ///< that the phase may be quiet
  double time = 0;           ///< seconds since 1970, on the clock of its host
  std::uint64_t beats = 0;   ///< heartbeats so far

  double own_step_seconds = 0;  ///< of late: of a step, own work, not waiting; 0 = not known
  double images_per_second = 0;
  std::uint64_t checkpoint_step = 0;  ///< newest complete checkpoint; 0 = none
  std::uint64_t total_steps = 0;
  std::uint64_t steps_per_epoch = 0;
  double resident_mb = 0;

  ProcessIdentity identity() const;
};

/// More ranks than this nobody believes: such a heartbeat is not read.
constexpr int kMostRanks = 1 << 20;

/// Length of a heartbeat file.
constexpr std::size_t kHeartbeatBytes = 1024;

/// A line of JSON padded to kHeartbeatBytes, whatever the texts are.
std::string to_line(const Heartbeat& heartbeat);
/// @return nothing for anything that is not a whole heartbeat: a torn, empty or foreign file
std::optional<Heartbeat> parse_heartbeat(const std::string& text);

std::filesystem::path heartbeat_file(const std::filesystem::path& folder, int rank);
/// All heartbeats in a folder, by rank; files that are not heartbeats are left out. Empty when there is no
/// such folder.
std::map<int, Heartbeat> read_heartbeats(const std::filesystem::path& folder);

}  // namespace annulus::trainer

template <>
struct annulus::EnumWords<annulus::trainer::RankState> {
  static constexpr std::array kWords{"running", "failed", "ended"};
};
