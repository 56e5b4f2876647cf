// See durable_file.hpp. The order of syncs and renames is what POSIX asks for: contents, then name, then
// directory.
#include "io/files/durable_file.hpp"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/file_kind.hpp"
#include "base/log.hpp"
#include "io/files/descriptor.hpp"

namespace annulus::io {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSealWord = "\nannulus-seal xxh64 ";
constexpr std::size_t kSealBytes = kSealWord.size() + 16 + 1;  // 16 hexadecimal digits and a line end

/// The one check of system calls in this file.
void check_system(bool succeeded, const char* call, const fs::path& path) {
  if (succeeded) return;
  const int code = errno;
  const bool full = code == ENOSPC || code == EDQUOT;
  throw RuntimeError(
      "{}: {} failed ({}). {}", path.string(), call, std::strerror(code),
      full            ? "Free some space or choose another place, then start again."
      : code == ELOOP ? "It is a symbolic link, through which nothing is written: remove it."
      : code == EFBIG
          ? "Raise the limit for the size of files (`ulimit -f`), or, where the file system takes no larger ones (FAT: 4 GiB), choose another place."
          : "Check that the directory exists and may be written, then start again.");
}

Descriptor open_file(const fs::path& path, int flags) {
  if ((flags & O_ACCMODE) != O_RDONLY) require_writable_kind(path);
  const int descriptor = ::open(path.c_str(), flags | O_CLOEXEC, 0644);
  check_system(descriptor >= 0, "open", path);
  return Descriptor(descriptor);
}

void write_all(const Descriptor& file, std::string_view text, const fs::path& path) {
  while (!text.empty()) {
    const ssize_t written = ::write(file.get(), text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    check_system(written >= 0, "write", path);
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

/// fsync, whose absence ends nothing: it is told once by a process.
void sync(const Descriptor& file, const fs::path& path) {
  static std::atomic<bool> told{false};
  if (::fsync(file.get()) == 0) return;
  if (!is_unsupported(errno)) return check_system(false, "fsync", path);
  const int code = errno;
  if (!told.exchange(true))
    log_warning(
        "{}: this file system cannot be asked to keep what was written (fsync: {}). All goes on as usual, but after a power cut the newest files there may be damaged or missing; older checkpoints are used then",
        path.string(), std::strerror(code));
}

fs::path directory_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

std::string seal_text(std::uint64_t sum) { return fmt::format("{}{:016x}\n", kSealWord, sum); }

}  // namespace

fs::path partial_name(const fs::path& path) { return path.string() + ".partial"; }

bool is_unsupported(int error) noexcept {
  constexpr std::array kCodes = {EINVAL, ENOTSUP, EOPNOTSUPP, ENOSYS, EBADF, EISDIR};
  return std::ranges::find(kCodes, error) != kCodes.end();
}

void sync_to_disk(const fs::path& path) {
  const Descriptor file = open_file(path, O_RDONLY);
  sync(file, path);
  // Only advice: a file system that does not take it lets the next read come from memory.
  static_cast<void>(::posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED));
}

void sync_directory(const fs::path& directory) {
  const int descriptor = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0 && errno == EACCES) return;  // may be written to and not be listed, and so not synced
  check_system(descriptor >= 0, "open", directory);
  sync(Descriptor(descriptor), directory);
}

void publish_file(const fs::path& from, const fs::path& to) {
  sync(open_file(from, O_RDONLY), from);
  check_system(::rename(from.c_str(), to.c_str()) == 0, "rename", to);
  sync_directory(directory_of(to));
}

void write_text_file(const fs::path& path, const std::string& text) {
  const fs::path partial = partial_name(path);
  require_writable_kind(partial);  // what is not ours is not removed below
  try {
    write_all(open_file(partial, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW), text, partial);
    publish_file(partial, path);
  } catch (const Error&) {
    std::error_code ignored;  // the first error is the one to report
    fs::remove(partial, ignored);
    throw;
  }
}

void check_space(const fs::path& path, std::uint64_t bytes) {
  const Descriptor file = open_file(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW);
  const bool fits = ::fallocate(file.get(), 0, 0, static_cast<off_t>(bytes)) == 0;
  if (!fits &&
      (errno == EOPNOTSUPP || errno == ENOSYS)) {  // e.g. older NFS: only the free space can be asked for
    struct statvfs status {};
    check_system(::fstatvfs(file.get(), &status) == 0, "statvfs", path);
    errno = ENOSPC;
    return check_system(std::uint64_t{status.f_bavail} * status.f_frsize >= bytes, "statvfs", path);
  }
  check_system(fits, "fallocate", path);
  check_system(::ftruncate(file.get(), 0) == 0, "ftruncate", path);
}

std::optional<std::uint64_t> file_checksum(const fs::path& path, std::uint64_t bytes) {
  const std::unique_ptr<XXH64_state_t, decltype(&XXH64_freeState)> state(XXH64_createState(),
                                                                         XXH64_freeState);
  expect_contract(state != nullptr && XXH64_reset(state.get(), 0) == XXH_OK,
                  "xxhash gives a state to hash with");
  std::ifstream file(path, std::ios::binary);
  std::vector<char> buffer(std::size_t{1} << 20);
  while (bytes > 0) {
    const auto wanted = static_cast<std::streamsize>(std::min<std::uint64_t>(bytes, buffer.size()));
    if (!file.read(buffer.data(), wanted)) return std::nullopt;
    expect_contract(XXH64_update(state.get(), buffer.data(), static_cast<std::size_t>(wanted)) == XXH_OK,
                    "xxhash takes any bytes");
    bytes -= static_cast<std::uint64_t>(wanted);
  }
  return XXH64_digest(state.get());
}

void seal_file(const fs::path& path) {
  std::error_code gone;
  const std::uint64_t size = fs::file_size(path, gone);
  if (gone) throw RuntimeError("{}: has gone before it was complete ({}).", path.string(), gone.message());
  const auto sum = file_checksum(path, size);
  if (!sum)
    throw RuntimeError("{}: cannot be read back to compute its checksum. Is the disk failing?",
                       path.string());
  write_all(open_file(path, O_WRONLY | O_APPEND), seal_text(*sum), path);
}

std::optional<std::string> broken_seal(const fs::path& path) {
  std::error_code failure;
  const std::uint64_t size = fs::file_size(path, failure);
  if (failure) return "cannot be read (" + failure.message() + ")";
  if (size < kSealBytes) return fmt::format("has only {} bytes, too few for a complete file", size);
  const std::uint64_t contents = size - kSealBytes;
  std::string seal(kSealBytes, '\0');
  std::ifstream file(path, std::ios::binary);
  file.seekg(static_cast<std::streamoff>(contents));
  if (!file.read(seal.data(), static_cast<std::streamsize>(kSealBytes))) return "cannot be read to its end";
  if (!seal.starts_with(kSealWord))
    return "has no checksum at its end, so it is truncated or was not written here";
  const auto sum = file_checksum(path, contents);
  if (!sum) return "cannot be read to its end";
  if (seal != seal_text(*sum))
    return fmt::format("is damaged: its contents have the checksum {:016x}, not the recorded one", *sum);
  return std::nullopt;
}

}  // namespace annulus::io
