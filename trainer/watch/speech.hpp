// Which rank of a watched job tells the user why it ends, when several notice at once.
#pragma once

#include "trainer/watch/watch_state.hpp"

namespace annulus::trainer {

/// Whether this process is the first of the job to ask. With a run directory that is settled there, by
/// crash/origin, for all hosts; without one (`evaluate`, `predict`) among the ranks of each host. When it
/// cannot be found out, it is: told twice is better than not at all.
bool claim_speech(const WatchState& state);

}  // namespace annulus::trainer
