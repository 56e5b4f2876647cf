// Being asked to stop: Ctrl-C, a terminal that goes away, or the signals with which batch systems announce
// the end of a job. The handlers only set a flag; the training loop looks at it after every step, agrees with
// the other ranks and writes a checkpoint.
#pragma once

#include <string>

namespace annulus::trainer {

/// What this process takes from whoever started it, once, before anything else: writing to a pipe that nobody
/// reads or beyond `ulimit -f` is an error of that write and no end of the process; that a parent ignored
/// SIGCHLD or blocked signals is not passed on to a program that waits for children and heeds signals.
void settle_signals() noexcept;

/// Catches SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2 and SIGXCPU in this process. One that is ignored already
/// stays so: nohup ignores SIGHUP, and a shell SIGINT for `COMMAND &` in a script. A second SIGINT ends the
/// process at once with code 130, for people who do not want to wait for the step. Called once, from the main
/// thread. @throws RuntimeError when the system refuses a handler
void catch_stop_signals();

/// `ulimit -t` sets the limit at which SIGXCPU comes and the one at which the system kills to the same value,
/// so that nobody is asked. Lowers the first by a twentieth (1 to 600 s of CPU time) when that is so.
void ask_before_cpu_limit() noexcept;

/// For what has nothing to save: the signals end this process again, at once when one has arrived already.
void release_stop_signals();

/// True once one of the signals has arrived. Any thread.
bool stop_requested() noexcept;

/// Number of the first signal that arrived; 0 when none has.
int stop_signal() noexcept;

/// A signal in words, e.g. "SIGTERM" or "SIGHUP (the terminal is gone)"; empty for 0.
std::string stop_reason(int signal_number);

}  // namespace annulus::trainer
