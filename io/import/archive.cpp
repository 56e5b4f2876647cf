// libarchive for archives, the file system for folders, zlib for single files.
#include "io/import/archive.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <xxhash.h>
#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/unique_handle.hpp"

namespace annulus::io {
namespace {

namespace fs = std::filesystem;

struct ArchiveTraits {
  using type = archive*;
  static constexpr type null = nullptr;
  static void close(type handle) noexcept {
    if (archive_read_free(handle) != ARCHIVE_OK) log_warning("closing an archive failed");
  }
};
using ArchiveHandle = UniqueHandle<ArchiveTraits>;

struct GzipTraits {
  using type = gzFile;
  static constexpr type null = nullptr;
  static void close(type handle) noexcept { gzclose_r(handle); }  // reading: its checks are made before
};
using GzipHandle = UniqueHandle<GzipTraits>;

std::string plain_name(std::string name) {
  while (name.starts_with("./")) name.erase(0, 2);
  return name;
}

/// The plain name fails for letters that the locale of this process does not know.
std::string entry_name(archive_entry* entry) {
  const char* name = archive_entry_pathname_utf8(entry);
  if (name == nullptr) name = archive_entry_pathname(entry);
  return plain_name(name != nullptr ? name : "");
}

[[noreturn]] void throw_too_large(const std::string& place, std::uint64_t limit) {
  throw DataError("{}: is larger than {:.0f} MB, which is not a single input. Is this the right archive?",
                  place, static_cast<double>(limit) / 1e6);
}

class ArchiveFiles final : public FileSource {
 public:
  ArchiveFiles(std::string path, FileLimits limits)
      : path_(std::move(path)), limits_(limits), total_(fs::file_size(path_)), handle_(archive_read_new()) {
    if (!handle_) throw RuntimeError("{}: no memory to open the archive.", path_);
    // Only formats whose contents are in the file itself: others (mtree) name files of this machine.
    check(archive_read_support_format_tar(handle_.get()), "choose formats");
    check(archive_read_support_format_zip(handle_.get()), "choose formats");
    for (const auto support : {archive_read_support_filter_gzip, archive_read_support_filter_xz,
                               archive_read_support_filter_bzip2, archive_read_support_filter_zstd})
      check(support(handle_.get()), "choose compressions");
    constexpr std::size_t kBlock = 1 << 17;
    if (archive_read_open_filename(handle_.get(), path_.c_str(), kBlock) < ARCHIVE_WARN)
      throw DataError(
          "{}: is not an archive that can be read ({}). Known are folders, tar (plain, gzip, xz, bzip2, zstd) and zip.",
          path_, reason());
  }

  bool next(const std::function<bool(const std::string&)>& wanted, SourceFile& file) override {
    archive_entry* entry = nullptr;
    if (ended_) return false;
    while (true) {
      const int result = archive_read_next_header(handle_.get(), &entry);
      if (result == ARCHIVE_EOF) {
        check_not_cut();
        ended_ = true;
        return false;
      }
      check(result, "find the next entry");
      if (++entries_ > limits_.files)
        throw DataError("{}: holds more than {} entries, too many for a dataset of images.", path_,
                        limits_.files);
      file.name = entry_name(entry);
      if (archive_entry_filetype(entry) == AE_IFREG && !file.name.empty() && wanted(file.name)) break;
    }
    read_contents(file);
    return true;
  }

  std::uint64_t done() const override {
    return static_cast<std::uint64_t>(std::max<la_int64_t>(0, archive_filter_bytes(handle_.get(), -1)));
  }
  std::uint64_t total() const override { return total_; }

 private:
  std::string reason() const {
    const char* const text = archive_error_string(handle_.get());
    return text != nullptr ? text : "no reason given";
  }

  /// The one check of libarchive calls.
  void check(la_ssize_t result, const std::string& what) const {
    if (result >= ARCHIVE_WARN) return;
    throw DataError(
        "{}: could not {} ({}). The archive is damaged or was not completely copied; fetch it again and compare its checksum.",
        path_, what, reason());
  }

  /// libarchive takes a plain tar file cut between two entries for a whole one, but a whole one ends with
  /// zeros.
  void check_not_cut() const {
    if (entries_ == 0) throw DataError("{}: holds no files. Is this the right archive?", path_);
    const bool tar = (archive_format(handle_.get()) & ARCHIVE_FORMAT_BASE_MASK) == ARCHIVE_FORMAT_TAR;
    if (!tar || archive_filter_code(handle_.get(), 0) != ARCHIVE_FILTER_NONE) return;
    constexpr std::streamoff kBlock = 512;
    std::ifstream in(path_, std::ios::binary);
    std::string tail(kBlock, '\1');
    in.seekg(-kBlock, std::ios::end);
    in.read(tail.data(), kBlock);
    if (tail.find_first_not_of('\0') != std::string::npos)
      throw DataError(
          "{}: ends after {} entries without the end mark of a tar file: it was cut. Fetch it again.", path_,
          entries_);
  }

  void read_contents(SourceFile& file) {
    const std::string place = path_ + ", " + file.name;
    file.contents.clear();
    // What an entry claims as its size is not asked: what counts is how much comes. A few bytes of archive
    // can claim, and unpack to, terabytes.
    std::byte block[1 << 14];
    while (true) {
      const la_ssize_t got = archive_read_data(handle_.get(), block, sizeof block);
      check(got, "read " + file.name);
      if (got <= 0) break;
      if (file.contents.size() + static_cast<std::size_t>(got) > limits_.file_bytes)
        throw_too_large(place, limits_.file_bytes);
      file.contents.insert(file.contents.end(), block, block + got);
    }
  }

  std::string path_;
  FileLimits limits_;
  std::uint64_t total_;
  std::uint64_t entries_ = 0;
  bool ended_ = false;
  ArchiveHandle handle_;
};

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

class FolderFiles final : public FileSource {
 public:
  FolderFiles(const std::string& path, FileLimits limits) : root_(path), limits_(limits) {
    constexpr int kDeepest = 8;  // links may lead in circles
    try {
      const auto options = fs::directory_options::follow_directory_symlink;
      for (fs::recursive_directory_iterator it(root_, options), end; it != end; ++it) {
        if (it.depth() >= kDeepest) it.disable_recursion_pending();
        if (it->is_regular_file()) names_.push_back(it->path().lexically_relative(root_));
        if (names_.size() > limits_.files)
          throw DataError("{}: holds more than {} files, too many for a dataset of images.", path,
                          limits_.files);
      }
    } catch (const fs::filesystem_error& error) {
      throw DataError("{}: the folder cannot be listed ({}). Check its permissions.", path,
                      error.code().message());
    }
    if (names_.empty()) throw DataError("{}: the folder holds no files. Is this the right one?", path);
    std::sort(names_.begin(), names_.end());
  }

  bool next(const std::function<bool(const std::string&)>& wanted, SourceFile& file) override {
    for (; position_ < names_.size(); ++position_) {
      file.name = plain_name(names_[position_].generic_string());
      if (!wanted(file.name)) continue;
      file.contents = read_whole(root_ / names_[position_], limits_.file_bytes);
      ++position_;
      return true;
    }
    return false;
  }

  std::uint64_t done() const override { return position_; }
  std::uint64_t total() const override { return names_.size(); }

 private:
  fs::path root_;
  FileLimits limits_;
  std::vector<fs::path> names_;
  std::size_t position_ = 0;
};

}  // namespace

std::unique_ptr<FileSource> open_files(const std::string& path, const FileLimits& limits) {
  std::error_code error;
  const auto status = fs::status(path, error);
  if (!fs::exists(status)) throw DataError("{}: there is no such file or folder. Check the path.", path);
  if (fs::is_directory(status)) return std::make_unique<FolderFiles>(path, limits);
  if (!fs::is_regular_file(status)) throw DataError("{}: is neither a folder nor a file.", path);
  return std::make_unique<ArchiveFiles>(path, limits);
}

std::vector<std::byte> read_gzip_or_plain(const std::string& path, std::uint64_t most_bytes) {
  if (!fs::is_regular_file(path)) throw DataError("{}: there is no such file. Check the path.", path);
  const GzipHandle file(gzopen(path.c_str(), "rb"));
  if (!file) throw DataError("{}: cannot be opened ({}). Check its permissions.", path, std::strerror(errno));
  std::vector<std::byte> contents;
  std::vector<std::byte> block(1 << 18);
  int got = 0;
  while ((got = gzread(file.get(), block.data(), static_cast<unsigned>(block.size()))) > 0) {
    if (contents.size() + static_cast<std::size_t>(got) > most_bytes) throw_too_large(path, most_bytes);
    contents.insert(contents.end(), block.begin(), block.begin() + got);
  }
  int code = Z_OK;
  const char* const reason = gzerror(file.get(), &code);
  if (code != Z_OK && code != Z_STREAM_END)
    throw DataError(
        "{}: cannot be uncompressed after {} bytes ({}). The file is damaged or was not completely copied; fetch it again.",
        path, contents.size(), reason);
  return contents;
}

std::string content_hash(const std::vector<std::byte>& contents) {
  return fmt::format("{:016x}", XXH64(contents.data(), contents.size(), 0));
}

}  // namespace annulus::io
