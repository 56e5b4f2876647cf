// Locks that say that a process lives: a rank holds one on its heartbeat file, a job on its run directory, a
// writer on its unfinished file. The system lets go of them however the process ends; where a file system
// shares locks between hosts (NFS, Lustre with `flock`), other hosts see that.
#pragma once

#include <filesystem>

namespace annulus::io {

/// Locks a file for as long as it stays open. May hang where the lock service of a file system does.
/// @return whether it is locked now; file systems without locks refuse
bool lock_while_open(int file) noexcept;

/// Whether an open file, here or on a host with which the file system shares locks, holds the lock. May hang
/// as above.
bool is_locked(const std::filesystem::path& path) noexcept;

}  // namespace annulus::io
