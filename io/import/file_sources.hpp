// The two kinds of sources of files. Internal to io/import.
#pragma once

#include <sys/stat.h>

#include <memory>
#include <string>

#include "io/import/archive.hpp"

namespace annulus::io {

/// @pre the path is a regular file   @throws DataError when it is not an archive
std::unique_ptr<FileSource> open_archive(const std::string& path, const FileLimits& limits);

/// @pre the path is a folder   @throws DataError when it cannot be listed, or holds no files
std::unique_ptr<FileSource> open_folder(const std::string& path, const FileLimits& limits);

/// Without "./" and '/' at its beginning, and without a closing '/'.
std::string plain_name(std::string name);

/// See file_version().
std::uint64_t version_of(const struct stat& file);

[[noreturn]] void throw_too_large(const std::string& place, std::uint64_t limit);

}  // namespace annulus::io
