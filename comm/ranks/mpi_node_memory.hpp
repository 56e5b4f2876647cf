// Memory that the ranks of one host share through an MPI window. Private to comm.
#pragma once

#include <cstddef>
#include <memory>

#include "base/error.hpp"
#include "base/node_memory.hpp"
#include "comm/ranks/mpi_group.hpp"

namespace annulus::comm {

/// Thrown by all ranks of a host alike.
class NoSharedMemory : public RuntimeError {
 public:
  using RuntimeError::RuntimeError;
};

/// One block for all ranks of `node`, which outlives it. Collective. The first rank holds the memory.
/// @pre all ranks of the group run on one host
/// Its pages are taken at once: later, a full /dev/shm would end whoever writes to them by SIGBUS.
/// @throws NoSharedMemory when the host has not that much shared memory
std::unique_ptr<NodeMemory> make_shared_memory(MpiGroup& node, std::size_t bytes);

/// Whether this host has twice that much free in /dev/shm, where Open MPI keeps its windows.
bool has_room_for_shared_memory(std::size_t bytes);

}  // namespace annulus::comm
