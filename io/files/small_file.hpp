// Small files that may be of somebody else.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace annulus::io {

/// The contents of a file. @return nothing when it cannot be read, has more than `most` bytes, or is not a
/// file at all: a pipe of that name would hold up its reader, a device would never end
std::optional<std::string> read_small_file(const std::filesystem::path& path, std::uint64_t most);

}  // namespace annulus::io
