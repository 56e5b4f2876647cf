// Locks of the open file, not of the process: those are lost when any other part of the process closes the
// same file.
#include "io/files/life_lock.hpp"

#include <fcntl.h>
#include <unistd.h>

namespace annulus::io {
namespace {

struct flock whole_file(short kind) noexcept {
  struct flock lock {};  // l_pid has to be 0 for locks of open files
  lock.l_type = kind;
  lock.l_whence = SEEK_SET;
  return lock;
}

}  // namespace

bool lock_while_open(int file) noexcept {
  struct flock lock = whole_file(F_WRLCK);
  return fcntl(file, F_OFD_SETLK, &lock) == 0;
}

bool is_locked(const std::filesystem::path& path) noexcept {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  struct flock lock = whole_file(F_RDLCK);
  const bool held = fcntl(file, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
  close(file);
  return held;
}

}  // namespace annulus::io
