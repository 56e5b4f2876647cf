// A few bytes that the ranks exchange after every step, so that all of them take the same decision at the
// same step.
#pragma once

#include <cstdint>
#include <optional>

#include "base/error.hpp"
#include "comm/ranks/process_group.hpp"
#include "io/dataset/sample_source.hpp"

namespace annulus::trainer {

struct ControlWord {
  std::uint64_t step = 0;     ///< must be the same everywhere
  std::uint64_t hash = 0;     ///< of the replica's state; 0 when not compared at this step
  std::uint32_t stop = 0;     ///< not 0: this rank was asked to stop, by the signal of this number
  std::uint32_t anomaly = 0;  ///< bits that say what is wrong with the numbers of this rank; 0 = nothing
  std::uint64_t stopped = 0;  ///< only in what was agreed on: the rank that `stop` comes from
};

/// Exchanges the word. Collective: one small all-gather, and two broadcasts more when a rank has failed.
/// @param failure  null, or why this rank cannot go on; all ranks then end with it
/// @return the word with `stop` of the first rank that has one, and `anomaly` joined (or) over all ranks
/// @throws RuntimeError naming the ranks whose step or state differs; on every rank the failure of the first
/// rank that has one, with its exit code
ControlWord agree(comm::ProcessGroup& group, const ControlWord& mine, const Error* failure = nullptr);

/// A failure for agree(): samples are read from a file that was written to since. @param source  null = none
std::optional<Error> failure_of(const io::SampleSource* source);

}  // namespace annulus::trainer
