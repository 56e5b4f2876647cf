// Which backend a run uses and how many threads a rank gets.
#pragma once

#include <memory>
#include <string>

#include "trainer/backend/replica.hpp"
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

/// Compiles the config's network for the config's device.
/// @param predict_samples  images of one forward pass of predict()
/// @throws UsageError for a device that this build or machine does not have, with how to get it
std::unique_ptr<Replica> make_replica(const Config& config, const NodePlace& place,
                                      std::int64_t owned_shards);

/// Samples of one forward pass in evaluation: batch.evaluation, or the size of a training shard.
std::int64_t evaluation_block(const Config& config);

}  // namespace annulus::trainer
