// Positioned reads and writes that go on after interruptions.
#include "io/files/unnamed_file.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/error.hpp"
#include "base/log.hpp"

namespace annulus::io {

Descriptor make_unnamed_file(const std::string& beside, const std::string& what) {
  std::string name = beside + "." + what + "-XXXXXX";
  Descriptor file(::mkstemp(name.data()));
  if (!file) throw RuntimeError("{}: a temporary file cannot be made ({}).", name, std::strerror(errno));
  if (::unlink(name.c_str()) != 0)
    log_warning("{}: the temporary file stays behind ({})", name, std::strerror(errno));
  return file;
}

void write_at(int file, std::uint64_t offset, std::span<const std::byte> bytes, const std::string& place) {
  while (!bytes.empty()) {
    const ssize_t result = ::pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (result < 0 && errno == EINTR) continue;
    if (result <= 0)
      throw RuntimeError("{}: cannot be kept in a temporary file ({}). Free some space, or write elsewhere.",
                         place, std::strerror(errno));
    bytes = bytes.subspan(static_cast<std::size_t>(result));
    offset += static_cast<std::uint64_t>(result);
  }
}

std::string read_at(int file, std::uint64_t offset, std::span<std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t result = ::pread(file, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (result < 0 && errno == EINTR) continue;
    if (result <= 0) return result == 0 ? "the file is too short" : std::strerror(errno);
    bytes = bytes.subspan(static_cast<std::size_t>(result));
    offset += static_cast<std::uint64_t>(result);
  }
  return {};
}

}  // namespace annulus::io
