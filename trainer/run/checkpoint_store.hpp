// The checkpoints of a run directory: file names, the `latest` and `best` links, and which files are kept.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "trainer/run/checkpoint.hpp"

namespace annulus::trainer {

/// Which files stay. The best one always does.
struct Retention {
  int keep_last = 1;                        ///< newest ones, at least 1
  std::vector<std::uint64_t> periods = {};  ///< steps that are a multiple of one of these stay for ever
};

/// Only rank 0 saves; any rank may load. Files: DIRECTORY/step-000001234.h5.
class CheckpointStore {
 public:
  CheckpointStore(std::string directory, Retention retention);

  /// Where the checkpoint of a step is, or would be.
  std::string path_of(std::uint64_t step) const;
  /// Steps of the files that are there, oldest first.
  std::vector<std::uint64_t> steps() const;

  /// Writes and verifies the checkpoint of info.step (replacing an older file of that step), then points
  /// `latest` to it and removes what need not be kept. @throws RuntimeError; nothing else is lost then
  void save(const CheckpointInfo& info, const Replica& replica, const StateView& state);
  /// Points `best` to the checkpoint of a step, which must be there.
  void mark_best(std::uint64_t step);

  /// Restores the newest checkpoint that is intact, with a warning for each newer one that is not. One of
  /// another optimizer counts as intact: see OtherOptimizer::starts_anew.
  /// @param check  throws DataError for one whose attributes make no sense to the caller; it is passed over
  /// @return nothing when there are none at all   @throws DataError when there are some, but none is usable
  std::optional<CheckpointInfo> load_newest(
      Replica& replica, Optimizer& optimizer,
      const std::function<void(const CheckpointInfo&, const std::string& path)>& check = {}) const;
  /// What stands in the newest checkpoint that can be read. Nothing where there is none.
  std::optional<CheckpointInfo> newest_info() const;
  /// The same of the one that `best` points to.
  std::optional<CheckpointInfo> best_info() const;

  /// A run goes on after `step`: files of later steps belong to what it leaves behind, or are damaged. They
  /// get the ending .set-aside (set_aside.hpp), so that nothing resumes from them, and links to them are
  /// mended. What a killed process was writing goes.
  /// @param best  the best step so far, to which `best` points if its file is there
  void rewind(std::uint64_t step, std::uint64_t best);

 private:
  bool is_kept_for_ever(std::uint64_t step) const;
  void mend_link(const std::string& name, std::uint64_t step) const;
  void remove_old() const;
  void remove_abandoned() const;

  std::string directory_;
  Retention retention_;
};

}  // namespace annulus::trainer
