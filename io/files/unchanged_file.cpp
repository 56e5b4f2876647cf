// See unchanged_file.hpp. The time at which the inode changed is left out: a new mode or link changes it,
// too.
#include "io/files/unchanged_file.hpp"

#include <fcntl.h>

#include "base/error.hpp"

namespace annulus::io {
namespace {

Descriptor open_to_read(const std::string& path) {
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0)
    throw DataError("{}: cannot be opened ({}). Check its permissions.", path, std::strerror(errno));
  return file;
}

std::string difference(const struct stat& one, const struct stat& other) {
  if (one.st_dev != other.st_dev || one.st_ino != other.st_ino) return "it is another file";
  if (one.st_size != other.st_size)
    return fmt::format("it had {} bytes and has {}", one.st_size, other.st_size);
  if (one.st_mtim.tv_sec != other.st_mtim.tv_sec || one.st_mtim.tv_nsec != other.st_mtim.tv_nsec)
    return "its time of writing is another";
  return {};
}

}  // namespace

UnchangedFile::UnchangedFile(const std::string& path)
    : path_(path), file_(open_to_read(path)), first_(look()) {}

struct stat UnchangedFile::look() const {
  struct stat status {};
  if (::fstat(file_.get(), &status) == 0) return status;
  throw DataError("{}: cannot be looked at any more ({}). Was it removed on its server?", path_,
                  std::strerror(errno));
}

void UnchangedFile::check() const {
  const std::string changed = difference(first_, look());
  if (changed.empty()) return;
  throw DataError(
      "{}: was written to while it is being read ({}): pictures of now would be trained on with labels of before. Start again once nobody writes to it; a new version belongs into a new file that is renamed over the old one.",
      path_, changed);
}

}  // namespace annulus::io
