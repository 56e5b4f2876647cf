// .npy files where they lie; .npz archives through libarchive.
#include "io/import/numpy_array.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/printable.hpp"
#include "base/unique_handle.hpp"
#include "io/files/atomic_file.hpp"
#include "io/files/unnamed_file.hpp"

namespace annulus::io {
namespace {

struct ZipTraits {
  using type = archive*;
  static constexpr type null = nullptr;
  static void close(type handle) noexcept {
    if (archive_read_free(handle) != ARCHIVE_OK) log_warning("closing an archive failed");
  }
};

/// The files of a zip file, one after another.
class ZipFiles {
 public:
  explicit ZipFiles(const std::string& path) : path_(path), handle_(archive_read_new()) {
    if (!handle_) throw RuntimeError("{}: no memory to open the archive.", path_);
    // By its directory at the end, which has all sizes: without one the file was cut.
    check(archive_read_support_format_zip_seekable(handle_.get()), "choose the format");
    constexpr std::size_t kBlock = 1 << 17;
    check(archive_read_open_filename(handle_.get(), path.c_str(), kBlock), "open it as a zip file");
  }

  /// @return whether there is one more
  bool next(std::string& name) {
    archive_entry* entry = nullptr;
    const int result = archive_read_next_header(handle_.get(), &entry);
    if (result == ARCHIVE_EOF) return false;
    check(result, "find the next array");
    const char* const utf8 = archive_entry_pathname_utf8(entry);
    const char* const text = utf8 != nullptr ? utf8 : archive_entry_pathname(entry);
    name = text != nullptr ? text : "";
    if (archive_entry_is_encrypted(entry) != 0)
      throw DataError("{}: {} is encrypted. Save the arrays without a password.", path_, shown_name(name));
    return true;
  }

  /// Fills as much of `bytes` as the file has. @return how many
  std::size_t read(std::span<std::byte> bytes) {
    std::size_t done = 0;
    while (done < bytes.size()) {
      const la_ssize_t got = archive_read_data(handle_.get(), bytes.data() + done, bytes.size() - done);
      check(got, "read an array");
      if (got <= 0) break;
      done += static_cast<std::size_t>(got);
    }
    return done;
  }

 private:
  void check(la_ssize_t result, const char* what) const {
    if (result >= ARCHIVE_WARN) return;
    const char* const text = archive_error_string(handle_.get());
    throw DataError(
        "{}: could not {} ({}). It is not a .npz file, damaged or not completely copied; fetch it again.",
        path_, what, text != nullptr ? text : "no reason given");
  }

  std::string path_;
  UniqueHandle<ZipTraits> handle_;
};

bool is_array_name(const std::string& name) { return name.ends_with(".npy"); }
std::string array_name(const std::string& name) { return name.substr(0, name.size() - 4); }

/// Copies one array of the archive to `offset` of a file. @return the array
NumpyArray copy_array(ZipFiles& zip, const std::string& place, const std::shared_ptr<const Descriptor>& file,
                      std::uint64_t offset, const std::string& beside) {
  std::vector<std::byte> block(1 << 20);
  std::size_t got = zip.read(std::span(block).first(kNumpyBeginning));
  NumpyArray array{place, parse_numpy_header(std::span(block).first(got), place), file, offset};
  const NumpyHeader& header = array.header;
  require_free_space(beside, header.value_bytes);
  std::span<const std::byte> values = std::span(block).first(got).subspan(header.header_bytes);
  std::uint64_t done = 0;
  while (!values.empty()) {
    if (values.size() > header.value_bytes - done)
      throw DataError("{}: holds more bytes than its header says ({}). It is damaged; make it again.", place,
                      header.value_bytes);
    write_at(file->get(), offset + done, values, place);
    done += values.size();
    got = zip.read(block);
    values = std::span(block).first(got);
  }
  if (done != header.value_bytes)
    throw DataError("{}: ends after {} of {} bytes. The file is truncated; fetch it again.", place, done,
                    header.value_bytes);
  return array;
}

}  // namespace

NumpyArray open_npy(const std::string& path) {
  NumpyArray array;
  array.place = path;
  array.file = std::make_shared<Descriptor>(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status {};
  if (!*array.file || ::fstat(array.file->get(), &status) != 0)
    throw DataError("{}: cannot be opened ({}). Check the path.", path, std::strerror(errno));
  if (!S_ISREG(status.st_mode)) throw DataError("{}: is not a file.", path);
  const auto size = static_cast<std::uint64_t>(status.st_size);
  std::vector<std::byte> beginning(std::min<std::uint64_t>(size, kNumpyBeginning));
  const std::string error = read_at(array.file->get(), 0, beginning);
  if (!error.empty()) throw DataError("{}: cannot be read ({}).", path, error);
  array.header = parse_numpy_header(beginning, path);
  array.offset = array.header.header_bytes;
  if (size - array.offset != array.header.value_bytes)
    throw DataError(
        "{}: its header says {} bytes of values, but {} follow. The file is truncated or damaged.", path,
        array.header.value_bytes, size - array.offset);
  return array;
}

NumpyArchive::NumpyArchive(std::string path) : path_(std::move(path)) {
  constexpr std::size_t kMostFiles = 100'000;
  ZipFiles zip(path_);
  std::string name;
  for (std::size_t files = 0; zip.next(name); ++files) {
    if (files == kMostFiles)
      throw DataError("{}: holds more than {} files. Is it an archive of arrays?", path_, kMostFiles);
    if (is_array_name(name)) names_.push_back(array_name(name));
  }
}

std::vector<NumpyArray> NumpyArchive::unpack(const std::vector<std::string>& names,
                                             const std::string& beside) const {
  const auto file = std::make_shared<const Descriptor>(make_unnamed_file(beside, "arrays"));
  std::map<std::string, NumpyArray> found;
  std::uint64_t offset = 0;
  ZipFiles zip(path_);
  std::string entry;
  while (zip.next(entry)) {
    if (!is_array_name(entry)) continue;
    const std::string name = array_name(entry);
    if (std::find(names.begin(), names.end(), name) == names.end()) continue;
    const std::string place = path_ + ", " + shown_name(name);
    const NumpyArray array = copy_array(zip, place, file, offset, beside);
    offset += array.header.value_bytes;
    if (!found.emplace(name, array).second) throw DataError("{}: stands twice in the archive.", place);
  }
  std::vector<NumpyArray> arrays;
  for (const std::string& name : names) {
    if (!found.contains(name))
      throw DataError("{}: holds no array {}. It holds: {}.", path_, quoted_name(name), shown_names(names_));
    arrays.push_back(found.at(name));
  }
  return arrays;
}

}  // namespace annulus::io
