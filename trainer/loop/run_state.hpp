// Where a run stands, apart from the arenas: what a checkpoint stores beside parameters and optimizer states.
#pragma once

#include <cstdint>
#include <string>

#include "trainer/loop/anomaly.hpp"
#include "trainer/loop/best_model.hpp"

namespace annulus::trainer {

/// Position, running sums of the current epoch and the best results so far. The same on every rank.
struct RunState {
  std::uint64_t step = 0;  ///< finished steps since the start of the run; the position follows from it

  // Sums over the finished steps of the current epoch.
  double epoch_loss_sum = 0;
  double epoch_correct = 0;
  double epoch_samples = 0;
  double epoch_top = 0;  ///< samples whose label was among the `top_k` largest outputs
  double epoch_top_samples =
      0;                   ///< samples that were judged so: fewer where a resumed run began to measure it
  std::int32_t top_k = 0;  ///< metrics.top_k of these sums; 0 = none

  // Results of validation.
  ValidationFigures best;  ///< of the best model so far
  std::uint64_t best_step = 0;
  ValidationFigures improved;  ///< when early stopping last saw an improvement
  int epochs_without_improvement = 0;
  BestBy improved_by = BestBy::accuracy;  ///< the figure that these epochs were judged by
  double last_loss = 0;                   ///< of the latest validation; 0 before the first
  double last_accuracy = 0;

  AnomalyHistory anomalies;
};

/// Forgets what is known of earlier validations, which were made on other samples.
void forget_validations(RunState& state);

/// Counts the epochs without improvement anew where they were judged by another figure.
/// @return whether there were any
bool judge_improvement_by(BestBy figure, RunState& state);

/// Counts labels among the k largest outputs anew where those of another number were counted.
void count_top(int k, RunState& state);

/// JSON text, doubles exact; the form stored in checkpoints.
std::string to_json(const RunState& state);
/// @throws DataError when the text is not what to_json() writes
RunState run_state_from_json(const std::string& text);

}  // namespace annulus::trainer
