// Reading configs, run directories and models: what several verbs begin with.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "comm/ranks/mpi_session.hpp"
#include "trainer/backend/contract/replica.hpp"
#include "trainer/model/config.hpp"

namespace annulus::trainer {

/// Rank 0 reads the file, every rank gets the same resolved config. Collective.
/// @throws UsageError
LoadedConfig load_shared_config(const std::string& path, const std::vector<std::string>& overrides,
                                comm::MpiSession& mpi);

/// A config and the checkpoint that goes with it.
struct ModelSource {
  Config config;
  std::string checkpoint;
};

/// @param run_or_config  a run directory (its config.yaml and its best or latest checkpoint), or a config,
/// for which
///                       `checkpoint` must be given
/// @param checkpoint     path of a checkpoint file; empty: the run's best, else its latest
/// @throws UsageError naming what is missing and what is there
ModelSource find_model(const std::string& run_or_config, const std::string& checkpoint,
                       const std::vector<std::string>& overrides, comm::MpiSession& mpi);

/// Compiles the config's network and loads the checkpoint: rank 0 reads, all ranks get the values.
/// Collective.
std::unique_ptr<Replica> load_replica(const ModelSource& source, comm::MpiSession& mpi);

}  // namespace annulus::trainer
