// Checks before writing, and removal of what was not finished.
#include "io/files/atomic_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/error.hpp"
#include "base/file_kind.hpp"
#include "base/log.hpp"
#include "io/files/durable_file.hpp"
#include "io/files/life_lock.hpp"

namespace annulus::io {
namespace {

std::string folder_of(const std::string& path) {
  const auto parent = std::filesystem::path(path).parent_path();
  return parent.empty() ? "." : parent.string();
}

bool is_file_at(const Descriptor& file, const std::string& path) {
  struct stat opened {
  }, found{};
  return ::fstat(file.get(), &opened) == 0 && ::stat(path.c_str(), &found) == 0 &&
         opened.st_dev == found.st_dev && opened.st_ino == found.st_ino;
}

/// Makes the partial file, or takes the one that a killed process left, and locks it.
Descriptor claim(const std::string& partial) {
  for (;;) {
    require_writable_kind(partial);
    Descriptor file(::open(partial.c_str(), O_CREAT | O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0666));
    if (!file)
      throw UsageError("{}: cannot be opened ({}). Remove it, or choose another name.", partial,
                       errno == ELOOP ? "it is a symbolic link" : std::strerror(errno));
    const bool locked = lock_while_open(file.get());
    if (!locked && is_locked(partial))
      throw UsageError("{}: another process is writing it. Wait for its end, or choose another name.",
                       partial);
    if (!locked || is_file_at(file, partial)) return file;  // else its owner has just finished and renamed it
  }
}

}  // namespace

AtomicFile::AtomicFile(std::string path, Existing existing)
    : path_(std::move(path)), partial_(partial_name(path_)), existing_(existing) {
  if (path_.empty())
    throw UsageError("The name of the file to write is empty. Name one, for example data.h5.");
  const std::string folder = folder_of(path_);
  if (std::filesystem::is_directory(path_))
    throw UsageError("{}: is a folder, but the output is one file. Name a file, for example {}/data.h5.",
                     path_, path_);
  if (existing_ == Existing::refuse && std::filesystem::exists(path_))
    throw UsageError(
        "{}: exists already and is not overwritten. Choose another name, or overwrite it with --replace.",
        path_);
  if (!std::filesystem::is_directory(folder))
    throw UsageError("{}: the folder {} does not exist. Make it first (mkdir -p).", path_, folder);
  if (::access(folder.c_str(), W_OK) != 0)
    throw UsageError("{}: nothing can be written to the folder {} ({}).", path_, folder,
                     std::strerror(errno));
  lock_ = claim(partial_);
}

AtomicFile::~AtomicFile() {
  if (committed_) return;
  std::error_code error;
  std::filesystem::remove(partial_, error);
  if (error) log_warning("{}: an unfinished file stays behind ({})", partial_, error.message());
}

void AtomicFile::commit() {
  if (existing_ == Existing::refuse && std::filesystem::exists(path_))
    throw RuntimeError("{}: appeared while it was being written and is not overwritten.", path_);
  publish_file(partial_, path_);
  committed_ = true;
}

void make_folder_of(const std::string& path) {
  std::error_code error;
  const std::string folder = folder_of(path);
  std::filesystem::create_directories(folder, error);
  if (error && !std::filesystem::is_directory(folder))
    throw UsageError("{}: the folder {} cannot be made ({}). Choose another place.", path, folder,
                     error.message());
}

void require_free_space(const std::string& path, std::uint64_t bytes) {
  std::error_code error;
  const auto space = std::filesystem::space(folder_of(path), error);
  if (error) throw RuntimeError("{}: the free space there cannot be found out ({}).", path, error.message());
  if (space.available >= bytes) return;
  throw RuntimeError(
      "{}: needs {:.1f} MB, but only {:.1f} MB are free there. Free some space, or write elsewhere.", path,
      static_cast<double>(bytes) / 1e6, static_cast<double>(space.available) / 1e6);
}

}  // namespace annulus::io
