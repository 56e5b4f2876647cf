// What train, evaluate and predict say about the way they were started, where it costs speed or ranks.
#pragma once

#include "comm/ranks/mpi_session.hpp"
#include "trainer/model/config.hpp"

namespace annulus::trainer {

/// A start inside a SLURM job that uses one of its tasks, and wishes about OpenMP's threads that were undone.
/// Rank 0 speaks.
void warn_of_start(const comm::World& world);

/// Ranks that share cores, or have one each. Collective. For work on CPUs.
void warn_of_binding(const Config& config, comm::MpiSession& mpi);

}  // namespace annulus::trainer
