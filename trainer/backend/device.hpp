// Which backend a run uses and how many threads a rank gets.
//
// In: the configuration and where this rank stands on its host.
// Out: the device, and a replica compiled for it.
// Invariant: all ranks choose the same kind of device, or all of them fail with the same sentence.
// Next: contract/replica.hpp (what comes out), trainer/assembly.cpp (who asks).
#pragma once

#include <memory>
#include <string>

#include "comm/ranks/mpi_session.hpp"
#include "trainer/backend/contract/replica.hpp"
#include "trainer/model/config.hpp"

namespace annulus::trainer {

/// Where a rank stands on its host.
struct NodePlace {
  int node_rank = 0;
  int node_ranks = 1;
};

/// Worker threads of a rank when the config leaves it open: the cores that its affinity mask allows, shared
/// with the other ranks of the host when the mask covers more cores than one rank's share; never more than
/// `shards` owned.
int default_threads(const NodePlace& place, std::int64_t owned_shards);

/// The device of a rank, chosen once a process.
struct DeviceChoice {
  Device kind = Device::cpu;  ///< never automatic
  NodePlace place;
  comm::Transport transport = comm::Transport::nccl;  ///< between GPUs
};

/// Takes the config at its word, or a GPU for `auto` when every rank has one. A GPU becomes the device of
/// this thread; on processors all ranks agree on an instruction set (instruction_choice.hpp). Collective.
/// @param earlier  instruction set that an earlier start of the run kept to; `automatic` = not known
/// @throws UsageError, on every rank, for a device that this build or machine does not have, with how to get
/// it
DeviceChoice choose_device(const Config& config, comm::MpiSession& mpi,
                           InstructionSet earlier = InstructionSet::automatic);

/// Bytes that a rank needs for sure, whatever the backend: a batch, the largest layer of a pass, the
/// parameters, what validation counts.
double least_memory(const Config& config, std::int64_t owned_shards);

/// Compiles the config's network for the chosen device. @throws UsageError when no memory of this machine
/// could hold it, or the device does not have one of its layers
std::unique_ptr<Replica> make_replica(const Config& config, const DeviceChoice& device,
                                      std::int64_t owned_shards);

/// Samples of one forward pass in evaluation: batch.evaluation, or the size of a training shard.
std::int64_t evaluation_block(const Config& config);

}  // namespace annulus::trainer
