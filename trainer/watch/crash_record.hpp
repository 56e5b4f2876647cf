// What a rank that goes down leaves in the run directory: crash/rank-N.json, and crash/origin of the rank
// that spoke for all.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "base/vital_signs.hpp"
#include "trainer/watch/watch_state.hpp"

namespace annulus::trainer {

struct CrashFacts {
  std::string message;
  int exit_code = 1;
  int origin = 0;    ///< rank that is to blame
  VitalSigns signs;  ///< what this rank was doing
};

/// JSON text: who, what, where, the last activities, and the other ranks' heartbeats as far as known.
std::string crash_record(const WatchState& state, const CrashFacts& facts);
/// Writes it as crash/rank-N.json. @return whether it is there
bool write_crash_record(const std::filesystem::path& folder, const WatchState& state,
                        const CrashFacts& facts);
/// Messages of the ranks that have failed themselves, by rank; those that only blame others are left out.
std::map<int, std::string> read_failures(const std::filesystem::path& folder);

/// Whether this process is the first of the job to ask, and so the one to tell the user. When that cannot be
/// found out, it is: told twice is better than not at all.
bool claim_origin(const std::filesystem::path& folder, int rank);

/// Makes `crash` and `heartbeats` ready for a start: what an earlier one left moves to crash/earlier, or
/// goes.
/// @throws RuntimeError
void clear_traces(const std::filesystem::path& run);

}  // namespace annulus::trainer
