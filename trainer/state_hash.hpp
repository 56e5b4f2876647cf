// One number for the whole state of a run: equal numbers mean that training will go on with the same bits.
#pragma once

#include <cstdint>

#include "trainer/backend/replica.hpp"
#include "trainer/optimizer.hpp"

namespace annulus::trainer {

/// XXH3 (64 bit) over parameters, moving averages, optimizer states and the optimizer's step count, tensors
/// in Keras' order: does not depend on the layout of the backend, so it compares runs on different machines.
std::uint64_t state_hash(Replica& replica, Optimizer& optimizer);

/// The same over the arenas as they lie in memory: fast enough for every step, comparable only between
/// replicas of one backend compiled alike.
std::uint64_t raw_state_hash(Replica& replica, Optimizer& optimizer);

}  // namespace annulus::trainer
