// Where parameters and moving averages lie when each of them is in one piece, as Keras has it.
#pragma once

#include "trainer/backend/contract/replica.hpp"

namespace annulus::trainer {

/// Trainable segments from the last layer to the first, within a layer in Keras' order; moving averages in
/// Keras' order; every segment starts at a multiple of 16 floats.
ArenaLayout make_layout(const Network& network);

}  // namespace annulus::trainer
