// The step engine of backends whose arenas lie in host memory.
#pragma once

#include <memory>

#include "comm/host/gradient_reducer.hpp"
#include "trainer/backend/contract/replica.hpp"
#include "trainer/backend/contract/step_engine.hpp"
#include "trainer/loop/optimizer.hpp"

namespace annulus::trainer {

/// Replica and optimizer outlive the engine.
std::unique_ptr<StepEngine> make_host_step_engine(Replica& replica, Optimizer& optimizer,
                                                  std::unique_ptr<comm::GradientReducer> reducer);

}  // namespace annulus::trainer
