// A file that is read over hours has to stay what it was: a training must not go on with other pictures under
// labels that it read long ago.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>

#include "io/files/descriptor.hpp"

namespace annulus::io {

/// Which version of which file.
struct FileVersion {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::int64_t bytes = 0;
  std::int64_t seconds = 0;  ///< of the time of writing
  std::int64_t nanoseconds = 0;
  bool operator==(const FileVersion&) const = default;
};

/// Remembers which version of a file was opened: its device, inode, size and time of the last change. A file
/// that another one has replaced under its name is unchanged: whoever has it open reads the old one on.
class UnchangedFile {
 public:
  /// @throws DataError when the file cannot be opened
  explicit UnchangedFile(const std::string& path);

  /// To be called after reading, so that nothing is used that was read later than a change.
  /// @throws DataError when the file is another one than at the beginning, naming it and what differs
  void check() const;

  /// Of the file that was opened.
  FileVersion version() const;
  /// @throws DataError, as check(), when that is not this one: it was closed and opened again
  void check_is(const FileVersion& before) const;

 private:
  struct stat look() const;
  void fail_unless_same(const FileVersion& before, const FileVersion& now) const;

  std::string path_;
  Descriptor file_;
  struct stat first_;
};

}  // namespace annulus::io
