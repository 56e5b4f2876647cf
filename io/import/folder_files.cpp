// Files of a folder in the order of their names. Links are followed, but not into folders that they lie in.
#include <sys/stat.h>
#include <xxhash.h>

#include <algorithm>
#include <deque>
#include <filesystem>
#include <fstream>
#include <optional>
#include <utility>

#include "base/error.hpp"
#include "io/import/file_sources.hpp"
#include "io/import/name_arena.hpp"

namespace annulus::io {
namespace {

namespace fs = std::filesystem;

std::vector<std::byte> read_whole(const fs::path& path, std::uint64_t limit) {
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  if (!in) throw DataError("{}: cannot be opened. Check that it exists and its permissions.", path.string());
  const auto size = static_cast<std::uint64_t>(std::max<std::streamoff>(0, in.tellg()));
  if (size > limit) throw_too_large(path.string(), limit);
  std::vector<std::byte> contents(size);
  in.seekg(0);
  in.read(reinterpret_cast<char*>(contents.data()), static_cast<std::streamsize>(size));
  if (!in && size > 0) throw DataError("{}: cannot be read to its end. Check the disk.", path.string());
  return contents;
}

/// What tells folders apart, whatever their names.
struct FolderIdentity {
  dev_t device;
  ino_t number;
  bool operator==(const FolderIdentity&) const = default;
};

/// @return nothing for a link that leads nowhere
std::optional<struct stat> status_of(const fs::path& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) == 0) return found;
  if (errno == ENOENT || errno == ELOOP || errno == ENOTDIR) return std::nullopt;
  throw fs::filesystem_error("stat", path, std::error_code(errno, std::generic_category()));
}

FolderIdentity identity_of(const struct stat& folder) { return {folder.st_dev, folder.st_ino}; }

class FolderFiles final : public FileSource {
 public:
  FolderFiles(const std::string& path, FileLimits limits) : root_(path), limits_(limits) {
    try {
      list(root_, identity_of(status_of(root_).value()));
    } catch (const fs::filesystem_error& error) {
      throw DataError("{}: the folder cannot be listed ({}). Check its permissions.",
                      error.path1().empty() ? path : error.path1().string(), error.code().message());
    }
    if (names_.empty()) throw DataError("{}: the folder holds no files. Is this the right one?", path);
    total_ = names_.size();
    std::sort(names_.begin(), names_.end());
    std::sort(folders_.begin(), folders_.end());
    std::sort(dead_links_.begin(), dead_links_.end());
  }

  bool next(const std::function<bool(const std::string&)>& wanted, SourceFile& file) override {
    for (; position_ < names_.size(); ++position_) {
      file.name = names_[position_];
      if (!wanted(file.name)) continue;
      file.contents = read_whole(root_ / file.name, limits_.file_bytes);
      ++position_;
      return true;
    }
    names_.clear();  // who lists them has them by now
    arena_ = {};
    position_ = 0;
    return false;
  }

  std::uint64_t identity() const override { return identity_; }
  const std::vector<std::string>& folders() const override { return folders_; }
  std::vector<std::string> dead_links() const override { return dead_links_; }
  std::uint64_t done() const override { return names_.empty() ? total_ : position_; }
  std::uint64_t total() const override { return total_; }

 private:
  /// All that is below `folder`. @param open_  the folders that are being listed, from the root on
  void list(const fs::path& folder, const FolderIdentity& identity) {
    constexpr std::size_t kDeepest = 100;
    open_.push_back(identity);
    if (open_.size() > kDeepest)
      throw DataError("{}: lies more than {} folders deep. Is this the right folder?", folder.string(),
                      kDeepest);
    for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
      std::string name = entry.path().lexically_relative(root_).generic_string();
      const std::optional<struct stat> status = status_of(entry.path());
      if (status && S_ISDIR(status->st_mode) && !is_open(identity_of(*status))) {
        folders_.push_back(std::move(name));
        list(entry.path(), identity_of(*status));
      } else if (status && S_ISREG(status->st_mode)) {
        // A sum: the same in whatever order the system lists a folder.
        identity_ += XXH64(name.data(), name.size(), version_of(*status));
        names_.push_back(arena_.add(name));
      } else if (entry.is_symlink()) {
        dead_links_.push_back(name + " -> " + fs::read_symlink(entry.path()).string());
      }
      if (names_.size() + folders_.size() > limits_.files)
        throw DataError("{}: holds more than {} files, too many for a dataset of images.", root_.string(),
                        limits_.files);
    }
    open_.pop_back();
  }

  /// Whether a folder is one of those above it.
  bool is_open(const FolderIdentity& folder) const {
    return std::find(open_.begin(), open_.end(), folder) != open_.end();
  }

  fs::path root_;
  FileLimits limits_;
  std::vector<FolderIdentity> open_;
  NameArena arena_;
  std::deque<std::string_view> names_;
  std::uint64_t identity_ = 0;
  std::vector<std::string> folders_;
  std::vector<std::string> dead_links_;
  std::size_t position_ = 0;
  std::uint64_t total_ = 0;
};

}  // namespace

std::unique_ptr<FileSource> open_folder(const std::string& path, const FileLimits& limits) {
  return std::make_unique<FolderFiles>(path, limits);
}

}  // namespace annulus::io
