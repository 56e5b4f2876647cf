// Wishes of the environment about where OpenMP threads run (OMP_PROC_BIND, OMP_PLACES, GOMP_CPU_AFFINITY).
// Sites set them for programs whose threads are OpenMP's. Ours are not, and libgomp, which comes with oneDNN,
// binds the thread that loads it: every later thread of every rank would inherit that one core.
#pragma once

#include <string>

namespace annulus {

/// Which of them were set when this program started, e.g. "OMP_PROC_BIND=true OMP_PLACES=cores"; empty for
/// none. They were removed from its environment before any library was initialised, so nothing was bound.
/// Only in programs that call this function: it brings that removal into the program.
std::string removed_openmp_binding();

}  // namespace annulus
