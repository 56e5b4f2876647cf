// The most arithmetic that this machine could do: what the speed of a training step is held against.
#pragma once

#include "base/worker_pool.hpp"

namespace annulus::trainer {

/// Multiply-adds in float32 on registers alone, on all workers at once: FLOP/s (two per multiply-add), the
/// best of a few rounds that take a tenth of a second together. Of the widest vectors that the program was
/// compiled for.
double measure_fma_rate(WorkerPool& workers);

}  // namespace annulus::trainer
