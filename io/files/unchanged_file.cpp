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

FileVersion version_of(const struct stat& status) {
  return {.device = status.st_dev,
          .inode = status.st_ino,
          .bytes = status.st_size,
          .seconds = status.st_mtim.tv_sec,
          .nanoseconds = status.st_mtim.tv_nsec};
}

std::string difference(const FileVersion& one, const FileVersion& other) {
  if (one.device != other.device || one.inode != other.inode) return "it is another file";
  if (one.bytes != other.bytes) return fmt::format("it had {} bytes and has {}", one.bytes, other.bytes);
  return one == other ? "" : "its time of writing is another";
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

FileVersion UnchangedFile::version() const { return version_of(first_); }

void UnchangedFile::check() const { fail_unless_same(version(), version_of(look())); }

void UnchangedFile::check_is(const FileVersion& before) const {
  fail_unless_same(before, version_of(look()));
}

void UnchangedFile::fail_unless_same(const FileVersion& before, const FileVersion& now) const {
  const std::string changed = difference(before, now);
  if (changed.empty()) return;
  throw DataError(
      "{}: was written to while it is being read ({}): pictures of now would be trained on with labels of before. Start again once nobody writes to it; a new version belongs into a new file that is renamed over the old one.",
      path_, changed);
}

}  // namespace annulus::io
