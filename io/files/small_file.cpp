// The size is asked of the open descriptor, not of the name: a file that is replaced in between cannot be
// longer than was looked at.
#include "io/files/small_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include "io/files/descriptor.hpp"

namespace annulus::io {

std::optional<std::string> read_small_file(const std::filesystem::path& path, std::uint64_t most) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  if (static_cast<std::uint64_t>(status.st_size) > most) return std::nullopt;
  std::string text(static_cast<std::size_t>(status.st_size), '\0');
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t count = ::read(file.get(), text.data() + done, text.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return std::nullopt;
    if (count == 0) break;  // it has just become shorter
    done += static_cast<std::size_t>(count);
  }
  text.resize(done);
  return text;
}

}  // namespace annulus::io
