// What was wrong with a step: all ranks look at their shards of it once more, and one sentence comes out.
#pragma once

#include <cstdint>
#include <string>

#include "comm/ranks/process_group.hpp"
#include "io/loading/batch_loader.hpp"
#include "trainer/backend/contract/bad_value.hpp"
#include "trainer/backend/contract/replica.hpp"
#include "trainer/backend/contract/step_engine.hpp"

namespace annulus::trainer {

struct DiagnosisParts {
  comm::ProcessGroup& group;
  Replica& replica;
  io::BatchLoader& loader;               ///< is to be sent to its next position afterwards
  ValueChecks usual = ValueChecks::off;  ///< what the replica is to do afterwards
};

/// A step that changed nothing.
struct BadStep {
  std::uint64_t step = 0;           ///< from 1 on over the whole run
  std::uint64_t epoch = 0;          ///< from 0 on
  std::uint64_t step_in_epoch = 0;  ///< from 0 on
  double loss = 0;                  ///< mean
  double loss_limit = 0;
  StepResult result = {};
  Spoil spoil = Spoil::nothing;  ///< what this rank was made to do to it
};

/// Whether a step meets a bad value before another: forward from the first layer to the last, then backward.
bool is_met_earlier(const BadValue& one, const BadValue& other);

/// Runs forward and backward of the step's shards again, with a look at every layer, and gathers what the
/// ranks find. Parameters stay as they are; on a GPU they may be those of the step after. Collective.
/// @return the same on every rank: step, what is not finite, and where that starts (rank, samples, layer)
std::string diagnose(const DiagnosisParts& parts, const BadStep& bad);

}  // namespace annulus::trainer
