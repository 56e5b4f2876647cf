// Being asked to stop: Ctrl-C, or the signals with which batch systems announce the end of a job. The
// handlers only set a flag; the training loop looks at it after every step, agrees with the other ranks and
// writes a checkpoint.
#pragma once

#include <string>

namespace annulus::trainer {

/// Catches SIGINT, SIGTERM, SIGUSR1 and SIGUSR2 in this process. A second SIGINT ends the process at once
/// with code 130, for people who do not want to wait for the step. Called once, from the main thread.
/// @throws RuntimeError when the system refuses a handler
void catch_stop_signals();

/// For what has nothing to save: the signals end this process again, at once when one has arrived already.
void release_stop_signals();

/// True once one of the signals has arrived. Any thread.
bool stop_requested() noexcept;

/// "SIGTERM", the first signal that arrived; empty when none has.
std::string stop_reason();

}  // namespace annulus::trainer
