// Epochs count from 1 wherever somebody reads them: on the screen, in metrics.csv and in metrics.jsonl. Older
// versions began at 0 in the two files.
#pragma once

#include <cstdint>
#include <string>

namespace annulus::trainer {

/// The epoch that a step belongs to, counted from 1; before the first step it is the first.
std::uint64_t epoch_of(std::uint64_t step, std::uint64_t steps_per_epoch);

/// Whether another multiple of so many epochs, which may be a fraction, is complete with this step: of 0.5
/// epochs of 8 steps with steps 4, 8, 12; of 0.3 with 3, 5, 8, 10, 12, rounded up. Never for 0 epochs.
bool completes_epochs(double epochs, std::uint64_t step, std::uint64_t steps_per_epoch);

/// Rewrites the files of a run that an older version began, so that one count holds in all of them; leaves
/// others as they are. Which it is shows the first line that tells of an epoch: counted from 0 its epoch e
/// began before its step, e * steps_per_epoch < step.
/// @throws RuntimeError when they cannot be written
void count_epochs_from_one(const std::string& json_path, const std::string& csv_path,
                           std::uint64_t steps_per_epoch);

}  // namespace annulus::trainer
