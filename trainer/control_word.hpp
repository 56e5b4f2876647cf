// A few bytes that the ranks exchange after every step, so that all of them take the same decision at the
// same step.
#pragma once

#include <cstdint>

#include "comm/process_group.hpp"

namespace annulus::trainer {

struct ControlWord {
  std::uint64_t step = 0;  ///< must be the same everywhere
  std::uint64_t stop = 0;  ///< not 0: this rank was asked to stop
  std::uint64_t hash = 0;  ///< of the replica's state; 0 when not compared at this step
};

/// Exchanges the word. Collective.
/// @return the word with `stop` set if any rank wants to stop
/// @throws RuntimeError naming the ranks whose step or state differs
ControlWord agree(comm::ProcessGroup& group, const ControlWord& mine);

}  // namespace annulus::trainer
