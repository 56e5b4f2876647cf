// Takes the facts that `annulus doctor` judges: of this rank, of the clocks, of sums between the ranks.
#pragma once

#include <vector>

#include "comm/ranks/mpi_session.hpp"
#include "trainer/preflight/judgements.hpp"

namespace annulus::trainer {

RankFacts facts_of_this_rank(const comm::World& world);

/// The facts of all ranks, in their order. Collective.
/// @param threads  worker threads of this rank; 0: as many as a training with many shards would use
std::vector<RankFacts> gather_facts(comm::MpiSession& mpi, std::int32_t threads = 0);

/// Clocks against that of rank 0 in seconds, read right after a barrier: good to its duration. Collective.
std::vector<double> clock_offsets(comm::ProcessGroup& group);

/// Collective; a second or so. @pre more than one rank
AllreduceFacts measure_allreduce(comm::MpiSession& mpi);

}  // namespace annulus::trainer
