// What a path leads to, before it is opened for writing: opening a named pipe waits for its reader for ever.
#pragma once

#include <filesystem>

namespace annulus {

/// Nothing, a regular file or a device such as /dev/null (also through links) may be written.
/// @throws UsageError for a named pipe, a socket, a disk or a folder, with what it is and what to do
void require_writable_kind(const std::filesystem::path& path);

}  // namespace annulus
