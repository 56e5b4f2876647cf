// Reading configs, run directories and models: what several verbs begin with.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "comm/ranks/mpi_session.hpp"
#include "trainer/backend/contract/replica.hpp"
#include "trainer/commands/common/verb.hpp"
#include "trainer/model/config.hpp"
#include "trainer/run/checkpoint.hpp"

namespace annulus::trainer {

/// Rank 0 reads the file, every rank gets the same resolved config. Collective.
/// @throws UsageError
LoadedConfig load_shared_config(const std::string& path, const std::vector<std::string>& overrides,
                                comm::MpiSession& mpi);

/// The config of what a person names, be it a YAML file, a run directory or a checkpoint. Rank 0 only.
/// @throws UsageError, DataError
Config load_any_config(const std::string& path, const std::vector<std::string>& overrides);

/// Where a command line says that a model is, and how it differs from what was trained.
struct ModelRequest {
  /// A run directory (its config.yaml and its best or latest checkpoint), a checkpoint, or a config, for
  /// which `checkpoint` must be given.
  std::string source;
  std::string checkpoint;  ///< path of a checkpoint file; empty: the run's best, else its latest
  std::vector<std::string> overrides;
  std::vector<std::string> allow_change;  ///< of what the data mean, see ModelSource::data
};

/// Adds --checkpoint and --allow-change to a verb.
void add_model_options(Verb& verb, ModelRequest& request);

/// A config and the checkpoint that goes with it. What was measured in training (mean and deviation of
/// `normalisation.kind: per_feature`) is in the config.
struct ModelSource {
  Config config;
  std::string checkpoint;
  std::optional<io::DataSignature> data;  ///< that the model was trained on; nothing: the checkpoint is older
  std::vector<std::string> allow_change;
};

/// Rank 0 reads, every rank gets the same. Collective.
/// @throws UsageError naming what is missing and what is there
ModelSource find_model(const ModelRequest& request, comm::MpiSession& mpi);

/// Compiles the config's network and loads the checkpoint: rank 0 reads, all ranks get the values.
/// Collective.
std::unique_ptr<Replica> load_replica(const ModelSource& source, comm::MpiSession& mpi);

}  // namespace annulus::trainer
