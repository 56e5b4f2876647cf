// What the ranks have read of training data that are streamed: together, epoch by epoch.
#pragma once

#include <cstdint>
#include <optional>

#include "comm/ranks/process_group.hpp"
#include "io/dataset/batch.hpp"
#include "io/dataset/sample_source.hpp"

namespace annulus::trainer {

class ReadingTally {
 public:
  /// Counts from now on: what was read to look at the data is no training.
  /// @param source  of the batches, not read by anybody now; may be null
  explicit ReadingTally(const io::SampleSource* source);
  /// Batches that were made ahead of this one do not count yet.
  void note(const io::Batch& batch);
  /// What all ranks have read for the batches since the last call. Collective.
  /// @return nothing when samples are not read from a file
  std::optional<io::ReadCounts> finish_epoch(comm::ProcessGroup& group);
  /// One line in the log about all finished epochs; none when nothing was read.
  void tell() const;

 private:
  const io::SampleSource* source_;  ///< null: nothing is read
  io::ReadCounts mine_;             ///< up to the last batch
  io::ReadCounts counted_;          ///< of these, up to the end of the last epoch
  io::ReadCounts all_;              ///< of all ranks, in the epochs that have ended
  std::int64_t samples_ = 0;        ///< of all ranks, up to the last batch
  std::int64_t all_samples_ = 0;    ///< of these, in the epochs that have ended
};

}  // namespace annulus::trainer
