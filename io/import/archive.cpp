// Which kind of source a path is; zlib for single files.
#include "io/import/archive.hpp"

#include <xxhash.h>
#include <zlib.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/error.hpp"
#include "base/unique_handle.hpp"
#include "io/import/file_sources.hpp"

namespace annulus::io {
namespace {

namespace fs = std::filesystem;

struct GzipTraits {
  using type = gzFile;
  static constexpr type null = nullptr;
  static void close(type handle) noexcept { gzclose_r(handle); }  // reading: its checks are made before
};
using GzipHandle = UniqueHandle<GzipTraits>;

}  // namespace

std::string plain_name(std::string name) {
  while (name.starts_with("./") || name.starts_with('/')) name.erase(0, name.starts_with('/') ? 1 : 2);
  while (name.ends_with('/')) name.pop_back();
  return name == "." ? "" : name;
}

void throw_too_large(const std::string& place, std::uint64_t limit) {
  throw DataError("{}: is larger than {:.0f} MB, which is not a single input. Is this the right archive?",
                  place, static_cast<double>(limit) / 1e6);
}

std::unique_ptr<FileSource> open_files(const std::string& path, const FileLimits& limits) {
  std::error_code error;
  const auto status = fs::status(path, error);
  if (!fs::exists(status)) throw DataError("{}: there is no such file or folder. Check the path.", path);
  if (fs::is_directory(status)) return open_folder(path, limits);
  if (!fs::is_regular_file(status)) throw DataError("{}: is neither a folder nor a file.", path);
  return open_archive(path, limits);
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

std::uint64_t file_version(const std::string& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0)
    throw DataError("{}: {}. Check the path.", path,
                    errno == ENOENT ? "there is no such file or folder" : std::strerror(errno));
  return version_of(found);
}

std::uint64_t version_of(const struct stat& file) {
  const std::array<std::int64_t, 3> facts{file.st_size, file.st_mtim.tv_sec, file.st_mtim.tv_nsec};
  return XXH64(facts.data(), sizeof facts, 0);
}

std::string content_hash(const std::vector<std::byte>& contents) {
  return fmt::format("{:016x}", XXH64(contents.data(), contents.size(), 0));
}

}  // namespace annulus::io
