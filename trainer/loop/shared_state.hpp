// One state for all ranks.
#pragma once

#include "comm/ranks/process_group.hpp"
#include "trainer/backend/contract/replica.hpp"
#include "trainer/backend/contract/step_engine.hpp"
#include "trainer/loop/optimizer.hpp"
#include "trainer/loop/run_state.hpp"

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
