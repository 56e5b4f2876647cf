// The lock that a rank holds on its heartbeat file while its process lives. The system lets go of it however
// the process ends; where a file system shares locks between hosts (NFS, Lustre with `flock`), the ranks of
// other hosts see that.
#pragma once

#include <filesystem>

namespace annulus::trainer {

/// Locks a file for as long as it stays open. May hang where the lock service of a file system does.
/// @return whether it is locked now; file systems without locks refuse
bool lock_while_open(int file) noexcept;

/// Whether an open file, here or on a host with which the file system shares locks, holds the lock. May hang
/// as above.
bool is_locked(const std::filesystem::path& path) noexcept;

}  // namespace annulus::trainer
