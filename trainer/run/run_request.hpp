// What a start wants of a run directory, and what is looked at there before anything costly is made.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "io/dataset/signature.hpp"
#include "trainer/model/config.hpp"
#include "trainer/run/directory.hpp"
#include "trainer/run/resume_rules.hpp"

namespace annulus::trainer {

/// What the command line says about a run and its files.
struct RunRequest {
  std::string run_directory;
  std::string resume;                     ///< as for Recorder::restore()
  std::vector<std::string> allow_change;  ///< see ResumeRules
};

/// Refuses what is wrong with a run directory or a named checkpoint, before anything costly is done or made.
/// Rank 0 only.
/// @throws UsageError, DataError, RuntimeError as restore() would
void check_run(const Config& config, const RunRequest& request);

/// What stands in the checkpoint that a start would go on from. Rank 0 only. @return nothing for a new run
std::optional<CheckpointInfo> stored_info(const RunRequest& request);
/// What it says of its training data; nothing where nothing was noted.
std::optional<io::DataSignature> stored_signature(const RunRequest& request);
/// Mean and deviation as the run measured them of the same training data. @return nothing where it did not
std::optional<io::Normalisation> measured_before(const CheckpointInfo& info, const Config& config);

/// What can be seen at a glance of the checkpoint that a start will go on from. Plain bytes.
struct EarlierStart {
  std::uint32_t goes_on = 0;                                ///< 1: there is one
  InstructionSet instructions = InstructionSet::automatic;  ///< it kept to; automatic = not known
  std::uint64_t streams = 0;  ///< of its shuffle (SamplerOptions::streams); 0 = not known
};

/// Rank 0 only; throws nothing about files: whether they are whole is restore()'s to say.
EarlierStart glance_at_run(const RunRequest& request);

/// Whether `resume` is the path of a checkpoint: neither auto nor none.
bool is_named(const std::string& resume);

/// Compares the configuration that the directory holds. @param rules  outlive the result
StoredDifferences refused_by(ResumeRules& rules, const RunDirectory& directory);

}  // namespace annulus::trainer
