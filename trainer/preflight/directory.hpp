// Does in a directory what a run does there: files, locks, syncs, renames, links, HDF5. For `annulus doctor`.
#pragma once

#include <filesystem>
#include <optional>

#include "comm/ranks/process_group.hpp"
#include "trainer/preflight/judgements.hpp"

namespace annulus::trainer {

/// The directory, or the nearest one above it that exists: where a run would begin to make it.
std::filesystem::path nearest_directory(const std::filesystem::path& path);

/// Free bytes for this user; nothing when the file system does not say.
std::optional<std::uint64_t> free_bytes(const std::filesystem::path& directory);

/// Makes a folder in the directory, tries everything in it, and removes it.
std::vector<Finding> try_directory(const std::filesystem::path& directory);

/// Whether a file that rank 0 makes there is seen by the others. Collective; the same answer on every rank.
Finding try_sharing(comm::ProcessGroup& group, const std::filesystem::path& directory);

}  // namespace annulus::trainer
