// How long saving a checkpoint has taken in a run so far, for those who plan around it.
#pragma once

#include <filesystem>
#include <optional>

namespace annulus::trainer {

/// The longest time in seconds that a checkpoint of this run took, from the snapshot to the file on disk.
/// @return nothing when there is no run, or none of its records tells
std::optional<double> slowest_save_s(const std::filesystem::path& run);

}  // namespace annulus::trainer
