// Checkpoints: one HDF5 file per step, whole or absent, readable with h5py, without a trace of ranks or
// threads. The directory that keeps them is in checkpoint_store.hpp.
//
// Contents (schema "annulus-checkpoint-1"): /parameters/<layer>/<name> and /optimizer/<state>/<layer>/<name>,
// float32 in Keras' order and extents; attributes of CheckpointInfo's names on the root; attribute `steps` on
// /optimizer; the signature of the training data in /data (signature_file.hpp). Characters of layer names
// that HDF5 paths cannot hold are written as %XX.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "io/dataset/signature.hpp"
#include "trainer/backend/contract/replica.hpp"
#include "trainer/loop/optimizer.hpp"
#include "trainer/loop/same_numbers.hpp"
#include "trainer/loop/state_view.hpp"

namespace annulus::trainer {

/// Everything in a checkpoint but the arenas; each member is an attribute of that name, but for the last two.
struct CheckpointInfo {
  std::uint64_t step = 0;           ///< finished steps since the start of the run
  std::uint64_t epoch = 0;          ///< of the next step, counted from 0
  std::uint64_t step_in_epoch = 0;  ///< of the next step, counted from 0
  std::uint64_t seed = 0;
  std::string config;   ///< yaml_of_model() (trainer/model/config_writer.hpp)
  std::string metrics;  ///< JSON: best values so far, early stopping, sums of the epoch; empty = unreadable
  std::string program;  ///< name and version of the writer
  std::string dataset;  ///< fingerprint of the training data; empty = not known
  std::string device;   ///< kind of device that trained; empty = not known
  std::string validated_on;  ///< the samples that choose the best model: "test"; empty = not known, or none
  std::string validation_data;   ///< their fingerprint
  NumbersRecord numbers;         ///< attributes machine, instructions, trial and trial_subject; older files
                                 ///< have none of them
  std::uint64_t streams = 1;     ///< of the shuffle (SamplerOptions); older files, without it, knew of one
  std::uint64_t state_hash = 0;  ///< of state_hash(); set by the writer
  /// What labels, columns and pixels of the training data mean; nothing: an older version did not note it.
  std::optional<io::DataSignature> data = {};
  bool optimizer_anew = false;  ///< not in the file: load_checkpoint() left the states of another optimizer
};

/// Writes the complete, sealed and synced file `path`, which appears only after it has been read back from
/// the disk and its seal and state hash have been found right. Needs of the replica only its layout, so it
/// may run beside training when `state` is a copy. @return the state hash in it
/// @throws RuntimeError with the bytes needed and free when it cannot be written; `path` is then untouched
std::uint64_t write_checkpoint(const std::string& path, const CheckpointInfo& info, const Replica& replica,
                               const StateView& state);
std::uint64_t write_checkpoint(const std::string& path, const CheckpointInfo& info, Replica& replica,
                               Optimizer& optimizer);

/// The attributes, whatever the rest of the file is like. @throws DataError
CheckpointInfo glance_at_checkpoint(const std::string& path);

/// Verifies the seal and reads the attributes. @throws DataError
CheckpointInfo read_checkpoint_info(const std::string& path);

/// What becomes of an optimizer where the checkpoint is of one of another kind, or with other states.
enum class OtherOptimizer {
  refused,
  starts_anew  ///< the model is restored, and the optimizer knows of no earlier step: see optimizer_anew
};

/// Restores parameters, moving averages and optimizer, and verifies the state hash.
/// @throws DataError naming what is damaged, or what differs from the network (names, extents, optimizer
/// states)
CheckpointInfo load_checkpoint(const std::string& path, Replica& replica, Optimizer& optimizer,
                               OtherOptimizer other = OtherOptimizer::refused);

/// Restores parameters and moving averages only, for evaluation and prediction, and verifies the state hash,
/// that of the whole file. @throws DataError as load_checkpoint()
CheckpointInfo load_model(const std::string& path, Replica& replica);

}  // namespace annulus::trainer
