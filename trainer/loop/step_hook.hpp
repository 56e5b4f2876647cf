// For fault drills and tests: interferes with the steps of one rank.
#pragma once

#include <cstdint>

#include "trainer/backend/contract/step_engine.hpp"

namespace annulus::trainer {

class StepHook {
 public:
  virtual ~StepHook() = default;
  /// A step (counted from 1) is about to begin on this rank, with its batch loaded and before any computing.
  /// May take its time, throw, or end the process.
  /// @return what to spoil in it; a step that comes again, after a rollback, is asked about again
  virtual Spoil begins(std::uint64_t step) = 0;
};

/// Makes the first value of the first sample in the batch NaN. @return false when there is none to be made:
/// no samples on this rank, or the device makes its images itself
bool spoil_input(const io::Batch& batch);

}  // namespace annulus::trainer
