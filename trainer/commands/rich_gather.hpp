// Brings what ranks made to rank 0, as bytes.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "comm/process_group.hpp"

namespace annulus::trainer {

/// The bytes of all ranks on rank 0, by rank; its own entry is empty, as its own need no way. Collective.
/// @param mine  of this rank; rank 0's are not looked at. Megabytes: move them in
/// @param what  for the message when a rank waits too long, e.g. "simulated events"
/// @return nothing on other ranks
std::vector<std::vector<std::byte>> gather_bytes(comm::ProcessGroup& group, std::vector<std::byte> mine,
                                                 std::string_view what);

}  // namespace annulus::trainer
