// What is asked to reach the disk, and when: while one of these lives, it sees every fsync of this process.
// Programs with such a test have an fsync of their own, which does what the system's does.
#pragma once

#include <filesystem>
#include <functional>

namespace annulus::test {

class RecordedSyncs {
 public:
  using AtSync = std::function<void(const std::filesystem::path&)>;

  /// @param at_sync  called before each fsync, with the path of the file or folder
  explicit RecordedSyncs(AtSync at_sync);
  ~RecordedSyncs();
  RecordedSyncs(const RecordedSyncs&) = delete;
  RecordedSyncs& operator=(const RecordedSyncs&) = delete;

 private:
  AtSync at_sync_;
};

}  // namespace annulus::test
