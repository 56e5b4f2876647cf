// The checkpoints of a run directory: file names, the `latest` and `best` links, and which files are kept.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "trainer/checkpoint.hpp"

namespace annulus::trainer {

/// Only rank 0 saves; any rank may load. Files: DIRECTORY/step-000001234.h5.
class CheckpointStore {
 public:
  /// @param keep_last  newest files to keep, at least 1; the best one is kept beside them
  CheckpointStore(std::string directory, int keep_last);

  /// Where the checkpoint of a step is, or would be.
  std::string path_of(std::uint64_t step) const;
  /// Steps of the files that are there, oldest first.
  std::vector<std::uint64_t> steps() const;

  /// Writes the checkpoint of info.step (replacing an older file of that step), points `latest` to it and
  /// removes what need not be kept. @throws RuntimeError; nothing else is lost then
  void save(const CheckpointInfo& info, Replica& replica, Optimizer& optimizer);
  /// Points `best` to the checkpoint of a step, which must be there.
  void mark_best(std::uint64_t step);

  /// Restores the newest checkpoint that is intact, with a warning for each newer one that is not.
  /// @return nothing when there are none at all   @throws DataError when there are some, but none is usable
  std::optional<CheckpointInfo> load_newest(Replica& replica, Optimizer& optimizer) const;

 private:
  void remove_old() const;

  std::string directory_;
  int keep_last_;
};

}  // namespace annulus::trainer
