// How long saving a checkpoint takes: rank 0 notes it in its log, and those who plan a job read it there.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace annulus::trainer {

/// "checkpoint of step 7: 1.0 MB written and verified in 0.12 s"
std::string save_note(std::uint64_t step, std::uint64_t bytes, double seconds);

/// The longest time in seconds that a checkpoint of this run took, from its notes.
/// @return nothing when there is no run, or no note
std::optional<double> slowest_save_s(const std::filesystem::path& run);

}  // namespace annulus::trainer
