// A temporary file without a name, which vanishes with the process whatever happens to it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "io/files/descriptor.hpp"

namespace annulus::io {

/// @param beside  the file lies in the folder of this path   @param what  a word for its name while it has
/// one
/// @throws RuntimeError when it cannot be made
Descriptor make_unnamed_file(const std::string& beside, const std::string& what);

/// Writes all of it. @param place  for messages   @throws RuntimeError, for example when the disk is full
void write_at(int file, std::uint64_t offset, std::span<const std::byte> bytes, const std::string& place);

/// Reads all of it. @return "", or why that was not possible
std::string read_at(int file, std::uint64_t offset, std::span<std::byte> bytes);

}  // namespace annulus::io
