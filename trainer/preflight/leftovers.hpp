// What Open MPI leaves on a host when its mpirun is killed by SIGKILL: shared memory and session folders that
// nobody removes, until /dev/shm or the temporary disk is full.
#pragma once

#include <filesystem>

#include "trainer/preflight/judgements.hpp"

namespace annulus::trainer {

/// Where to look.
struct LeftoverPlaces {
  std::filesystem::path shared = "/dev/shm";
  std::filesystem::path temporary = std::filesystem::temp_directory_path();
  std::filesystem::path processes = "/proc";
};

/// Segments of this user that no process has mapped, and session folders whose mpirun is gone: their sizes,
/// and the command that removes them. @return one line; good when there are none
Finding find_leftovers(const LeftoverPlaces& places = {});

}  // namespace annulus::trainer
