// Files of an archive by libarchive. Links are resolved in a second pass, which archives without links do not
// have: what they point to may stand before or behind them, and is read once.
#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <deque>
#include <filesystem>
#include <fstream>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/unique_handle.hpp"
#include "io/import/file_sources.hpp"
#include "io/import/link_table.hpp"

namespace annulus::io {
namespace {

struct ArchiveTraits {
  using type = archive*;
  static constexpr type null = nullptr;
  static void close(type handle) noexcept {
    if (archive_read_free(handle) != ARCHIVE_OK) log_warning("closing an archive failed");
  }
};
using ArchiveHandle = UniqueHandle<ArchiveTraits>;

/// The plain text fails for letters that the locale of this process does not know.
std::string text_of(const char* utf8, const char* plain) {
  const char* const text = utf8 != nullptr ? utf8 : plain;
  return text != nullptr ? text : "";
}

std::string entry_name(archive_entry* entry) {
  return plain_name(text_of(archive_entry_pathname_utf8(entry), archive_entry_pathname(entry)));
}

/// A link is one whatever its size: old writers of tar give a hard link the size of what it points to.
/// libarchive knows, and says 0 unless contents follow.
bool is_hard_link(archive_entry* entry) {
  const bool named =
      archive_entry_hardlink_utf8(entry) != nullptr || archive_entry_hardlink(entry) != nullptr;
  return named && archive_entry_size(entry) == 0;
}

class ArchiveFiles final : public FileSource {
 public:
  ArchiveFiles(std::string path, FileLimits limits)
      : path_(std::move(path)), limits_(limits), bytes_(std::filesystem::file_size(path_)), links_(path_) {
    open();
  }

  bool next(const std::function<bool(const std::string&)>& wanted, SourceFile& file) override {
    while (pass_ != Pass::ended) {
      if (!further_names_.empty()) {
        file = {std::move(further_names_.front()), linked_.contents};
        further_names_.pop_front();
        return true;
      }
      archive_entry* const entry = next_entry();
      if (entry == nullptr) {
        begin_next_pass();
      } else if (pass_ == Pass::links) {
        take_further_names(entry, wanted);
      } else if (is_file(entry)) {
        file.name = entry_name(entry);
        if (file.name.empty() || !wanted(file.name)) continue;
        read_contents(file);
        return true;
      }
    }
    return false;
  }

  std::uint64_t identity() const override { return file_version(path_); }
  const std::vector<std::string>& folders() const override { return folders_; }
  std::vector<std::string> dead_links() const override { return links_.dead(); }

  std::uint64_t done() const override {
    const auto read = std::max<la_int64_t>(0, archive_filter_bytes(handle_.get(), -1));
    return (links_pass_begun_ ? bytes_ : 0) + static_cast<std::uint64_t>(read);
  }
  std::uint64_t total() const override { return links_pass_begun_ ? 2 * bytes_ : bytes_; }

 private:
  /// The files; then, where there are links, all once more for the names that these give them.
  enum class Pass { files, links, ended };

  void open() {
    handle_ = ArchiveHandle(archive_read_new());
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
    entries_ = 0;
  }

  /// @return nothing at the end of the archive
  archive_entry* next_entry() {
    archive_entry* entry = nullptr;
    const int result = archive_read_next_header(handle_.get(), &entry);
    if (result == ARCHIVE_EOF) {
      check_not_cut();
      return nullptr;
    }
    check(result, "find the next entry");
    count_entries(1);
    return entry;
  }

  void begin_next_pass() {
    if (pass_ == Pass::links || links_.empty()) {
      pass_ = Pass::ended;
      return;
    }
    pass_ = Pass::links;
    links_pass_begun_ = true;
    open();
  }

  /// Notes folders and links, which have no contents.
  bool is_file(archive_entry* entry) {
    const auto type = archive_entry_filetype(entry);
    if (is_hard_link(entry))
      links_.add_hard(entry_name(entry),
                      text_of(archive_entry_hardlink_utf8(entry), archive_entry_hardlink(entry)));
    else if (type == AE_IFLNK)
      links_.add_symbolic(entry_name(entry),
                          text_of(archive_entry_symlink_utf8(entry), archive_entry_symlink(entry)));
    else if (type == AE_IFDIR)
      folders_.push_back(entry_name(entry));
    else
      return type == AE_IFREG;
    return false;
  }

  /// In the pass for links: which further names of this entry are wanted, and its contents if any.
  void take_further_names(archive_entry* entry, const std::function<bool(const std::string&)>& wanted) {
    if (archive_entry_filetype(entry) != AE_IFREG || is_hard_link(entry)) return;
    linked_.name = entry_name(entry);
    for (std::string& name : links_.names_of(linked_.name))
      if (wanted(name)) further_names_.push_back(std::move(name));
    if (further_names_.empty()) return;
    count_entries(further_names_.size());
    read_contents(linked_);
  }

  void count_entries(std::uint64_t more) {
    entries_ += more;
    if (entries_ > limits_.files)
      throw DataError("{}: holds more than {} entries, too many for a dataset of images.", path_,
                      limits_.files);
  }

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
  std::uint64_t bytes_;
  std::uint64_t entries_ = 0;
  Pass pass_ = Pass::files;
  bool links_pass_begun_ = false;
  LinkTable links_;
  std::vector<std::string> folders_;
  SourceFile linked_;                      ///< what the next names stand for
  std::deque<std::string> further_names_;  ///< of it, to be handed out
  ArchiveHandle handle_;
};

}  // namespace

std::unique_ptr<FileSource> open_archive(const std::string& path, const FileLimits& limits) {
  return std::make_unique<ArchiveFiles>(path, limits);
}

}  // namespace annulus::io
