// The few of many files that are open at a time. Internal to io/dataset.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>

#include "io/dataset/columns.hpp"
#include "io/dataset/file_survey.hpp"
#include "io/hdf5/process.hpp"

namespace annulus::io {

/// kMostOpenFiles, or fewer where the system allows few descriptors.
std::size_t most_open_files();

/// Opens files when their rows are needed; the one that was used least recently goes for it.
class OpenFiles {
 public:
  /// @param files  what they were when they were looked at
  OpenFiles(const DatasetOptions& options, std::vector<FileFacts> files);

  /// Usable until the next call. One thread at a time.
  /// @throws DataError when the file is gone, or not what it was
  const DatasetColumns& get(std::size_t file);
  /// Whether those that are open are what they were; from any thread. @throws DataError
  void check_unchanged() const;

 private:
  struct Opened {
    std::size_t file = 0;
    std::unique_ptr<DatasetColumns> columns;
  };
  std::unique_ptr<DatasetColumns> open(std::size_t file);

  std::vector<std::string> paths_;
  DatasetOptions own_;  ///< of the file that is opened
  std::vector<FileFacts> files_;
  std::size_t most_;
  SharedReader reader_;
  std::shared_ptr<Questions> asked_;  ///< of the first file that was opened
  mutable std::mutex mutex_;
  std::list<Opened> open_;  ///< the one that was used last first
};

}  // namespace annulus::io
