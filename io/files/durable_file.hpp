// Files that are whole or absent, whatever happens in between: written under another name, synced, renamed. A
// seal at the end of a file detects every truncation and (all but surely) every flipped bit.
//
// In: contents and the name that they shall have.
// Out: the file, or an exception and what was there before.
// Invariant: under its final name a file is complete and on the disk, at whatever moment the process or the
// power ends. (A file system that has no fsync may lose it with the power; that is warned of.)
// Next: atomic_file.hpp (the same as an object), link.hpp (names that lead to files), life_lock.hpp (who uses
// a directory), event_writer.hpp (TensorBoard).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace annulus::io {

/// Name under which a file is written before it is complete: PATH.partial, in the same directory.
std::filesystem::path partial_name(const std::filesystem::path& path);

/// Whether an error of fsync says that this file system has none (CIFS, several of FUSE), not that it failed.
bool is_unsupported(int error) noexcept;

/// Waits until a file is on the disk and forgets what memory holds of it, so that the next read tells what
/// the disk has. @throws RuntimeError
void sync_to_disk(const std::filesystem::path& path);

/// Makes `from` (complete, not yet synced) appear as `to` at once, replacing what was there; survives a power
/// cut.
/// @throws RuntimeError naming the file and the system's reason
void publish_file(const std::filesystem::path& from, const std::filesystem::path& to);

/// Writes a small text file, whole or not at all. @throws RuntimeError; the old file is then untouched
void write_text_file(const std::filesystem::path& path, const std::string& text);

/// Waits until the names in a directory are on the disk; where the file system cannot, a process warns once.
/// @throws RuntimeError when the disk fails
void sync_directory(const std::filesystem::path& directory);

/// Finds out whether a file can grow to `bytes`: quotas and limits count, not only the free space. Creates
/// the file or empties it. Asking first gives a clear answer, where a library that runs out of space halfway
/// gives many.
/// @throws RuntimeError naming the reason
void check_space(const std::filesystem::path& path, std::uint64_t bytes);

/// XXH64 of the first `bytes` bytes of a file. @return nothing when it ends earlier or cannot be read
std::optional<std::uint64_t> file_checksum(const std::filesystem::path& path, std::uint64_t bytes);

/// Appends a line with the XXH64 checksum of everything before it. HDF5 ignores what follows its data.
/// @throws RuntimeError
void seal_file(const std::filesystem::path& path);

/// Compares a file with its seal. @return nothing when it is intact, else what is wrong ("is truncated or
/// ...")
std::optional<std::string> broken_seal(const std::filesystem::path& path);

}  // namespace annulus::io
