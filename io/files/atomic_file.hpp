// Owner of a file in the making: whatever happens before it is whole, nothing half-written stays behind. How
// it gets to disk is in io/files/durable_file.hpp.
#pragma once

#include <cstdint>
#include <string>

#include "io/files/descriptor.hpp"
#include "io/files/existing.hpp"

namespace annulus::io {

/// Names and finishes a file that must never be seen half-written. Until `commit`, `partial()` is where to
/// write; without it the partial file is removed. Meanwhile no other process can own the same one, where the
/// file system has locks.
class AtomicFile {
 public:
  /// @throws UsageError when `path` exists and is not to be replaced, its folder is missing or not
  /// writable, or another process is writing it
  AtomicFile(std::string path, Existing existing);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  const std::string& path() const { return path_; }
  /// `path` + ".partial", in the same folder.
  const std::string& partial() const { return partial_; }
  /// Syncs the written and closed partial file, renames it to `path` and syncs the folder.
  /// @throws RuntimeError naming file and reason
  void commit();

 private:
  std::string path_;
  std::string partial_;
  Existing existing_;
  Descriptor lock_;
  bool committed_ = false;
};

/// Makes the folder of a file that is to be written, and those above it. @throws UsageError when it cannot be
/// made
void make_folder_of(const std::string& path);

/// @throws RuntimeError when the file system of `path` has fewer than `bytes` free
void require_free_space(const std::string& path, std::uint64_t bytes);

}  // namespace annulus::io
