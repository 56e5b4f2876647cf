// Where a run stands that goes on from a checkpoint: what the checkpoint says, as far as it holds for this
// start.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "trainer/loop/run_state.hpp"
#include "trainer/model/config.hpp"
#include "trainer/run/checkpoint.hpp"

namespace annulus::trainer {

/// How a start validates.
struct ValidationNow {
  const Config& config;
  const std::string& validated_on;     ///< as in CheckpointInfo
  const std::string& validation_data;  ///< as there
  /// The checkpoint that is the best one so far; asked where the other does not tell.
  std::function<std::optional<CheckpointInfo>()> best;
};

/// What validations on other samples, by another loss or another figure, said is no measure for those to
/// come: it is forgotten, and a line says so. Where the attribute `metrics` cannot be read, only what cannot
/// be found elsewhere is given up, with a warning.
RunState resumed_state(const CheckpointInfo& info, const ValidationNow& now);

/// @throws DataError when an attribute is not what this program writes, and training depends on it
void require_sound(const CheckpointInfo& info, const std::string& path);

}  // namespace annulus::trainer
