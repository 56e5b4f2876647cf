// One state for all ranks.
#pragma once

#include "comm/process_group.hpp"
#include "trainer/backend/replica.hpp"
#include "trainer/backend/step_engine.hpp"
#include "trainer/optimizer.hpp"
#include "trainer/run_state.hpp"

namespace annulus::trainer {

/// What a run's state consists of on a rank.
struct StateParts {
  Replica& replica;
  Optimizer& optimizer;
  StepEngine& engine;
  RunState& state;
};

/// Rank 0's state, as it lies in host memory, becomes everybody's, and a hash proves it. Collective.
void share_state(comm::ProcessGroup& group, const StateParts& parts);

/// The state that a run starts from, in host memory.
void start_afresh(const StateParts& parts, std::uint64_t seed);

}  // namespace annulus::trainer
