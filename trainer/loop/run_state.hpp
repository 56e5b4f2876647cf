// Where a run stands, apart from the arenas: what a checkpoint stores beside parameters and optimizer states.
#pragma once

#include <cstdint>
#include <limits>
#include <string>

#include "trainer/loop/anomaly.hpp"

namespace annulus::trainer {

/// Position, running sums of the current epoch and the best results so far. The same on every rank.
struct RunState {
  std::uint64_t step = 0;  ///< finished steps since the start of the run; the position follows from it

  // Sums over the finished steps of the current epoch.
  double epoch_loss_sum = 0;
  double epoch_correct = 0;
  double epoch_samples = 0;

  // Results of validation.
  double best_accuracy = -1;
  std::uint64_t best_step = 0;
  double best_loss = std::numeric_limits<double>::infinity();
  int epochs_without_improvement = 0;
  double last_loss = 0;  ///< of the latest validation; 0 before the first
  double last_accuracy = 0;

  AnomalyHistory anomalies;
};

/// JSON text, doubles exact; the form stored in checkpoints.
std::string to_json(const RunState& state);
/// @throws DataError when the text is not what to_json() writes
RunState run_state_from_json(const std::string& text);

}  // namespace annulus::trainer
