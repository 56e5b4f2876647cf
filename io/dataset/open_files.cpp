// A file costs two descriptors here and one in the process that reads it.
#include "io/dataset/open_files.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <filesystem>

#include "base/error.hpp"

namespace annulus::io {

std::size_t most_open_files() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return kMostOpenFiles;
  // Half of them are for everything else, and two splits may be read at a time.
  constexpr std::uint64_t kOthers = 16, kOfFile = 4, kFewest = 2;
  const std::uint64_t half = std::max<std::uint64_t>(kOthers, limit.rlim_cur / 2);
  return static_cast<std::size_t>(
      std::clamp<std::uint64_t>((half - kOthers) / kOfFile, kFewest, kMostOpenFiles));
}

OpenFiles::OpenFiles(const DatasetOptions& options, std::vector<FileFacts> files)
    : paths_(options.files),
      own_(options_of_each(options)),
      files_(std::move(files)),
      most_(most_open_files()) {
  own_.labels.clear();  // they are in memory
  own_.weights.clear();
}

const DatasetColumns& OpenFiles::get(std::size_t file) {
  const auto found = std::ranges::find(open_, file, &Opened::file);
  if (found != open_.end()) {
    const std::lock_guard lock(mutex_);
    open_.splice(open_.begin(), open_, found);
    return *open_.front().columns;
  }
  if (open_.size() >= most_) {
    open_.back().columns->check_unchanged();  // what was read of it may be in use
    const std::lock_guard lock(mutex_);
    open_.pop_back();
  }
  auto columns = open(file);
  const std::lock_guard lock(mutex_);
  open_.push_front({file, std::move(columns)});
  return *open_.front().columns;
}

std::unique_ptr<DatasetColumns> OpenFiles::open(std::size_t file) {
  own_.path = paths_[file];
  const std::string& path = own_.path;
  std::error_code unreadable;
  if (!std::filesystem::exists(path, unreadable))
    throw DataError(
        "{}: was there when the training began, and is gone: its {} samples are still to be read. Put it back, and resume; without it they are other data.",
        path, files_[file].rows);
  UnchangedFile(path).check_is(files_[file].version);
  const bool first = !asked_;
  if (first) asked_ = std::make_shared<Questions>();
  const auto record = first ? asked_ : nullptr;
  Hdf5File opened = first ? reader_.open(path, record) : reader_.open(path, *asked_, true);
  auto columns = std::make_unique<DatasetColumns>(own_, std::move(opened), nullptr);
  if (first) asked_ = std::make_shared<Questions>(*record);  // what is asked later is not asked of all
  columns->version().check_is(files_[file].version);
  return columns;
}

void OpenFiles::check_unchanged() const {
  const std::lock_guard lock(mutex_);
  for (const Opened& opened : open_) opened.columns->check_unchanged();
}

}  // namespace annulus::io
