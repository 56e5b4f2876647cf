// Work on files that rank 0 does for everybody, with its errors shared: all ranks end alike, and none waits
// for a rank that has given up.
#pragma once

#include <functional>
#include <string_view>

#include "comm/ranks/process_group.hpp"

namespace annulus::trainer {

/// Runs `work` on rank 0 while the others wait. Collective.
/// @param purpose  for the message when the others wait too long
/// @throws on every rank what `work` threw on rank 0, when it was an annulus::Error
void on_rank_zero(comm::ProcessGroup& group, std::string_view purpose, const std::function<void()>& work);

}  // namespace annulus::trainer
