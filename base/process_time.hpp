// How long this process has been there, for figures that shall leave nothing out.
#pragma once

namespace annulus {

/// Wall-clock seconds since the kernel made this process, so that loading the program, its libraries and MPI
/// counts; what a launcher did before does not, except a shell that became the program by `exec`. Good to the
/// kernel's tick, 0.01 s.
/// @throws RuntimeError when /proc does not say
double seconds_since_process_start();

}  // namespace annulus
