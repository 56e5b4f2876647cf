// See link.hpp. The text is data of whoever the run came from: only a plain name of the same folder is
// followed.
#include "io/files/link.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "base/error.hpp"
#include "base/log.hpp"
#include "io/files/durable_file.hpp"
#include "io/files/small_file.hpp"

namespace annulus::io {
namespace {

namespace fs = std::filesystem;

fs::path folder_of(const fs::path& link) {
  return link.has_parent_path() ? link.parent_path() : fs::path(".");
}

fs::path text_of(const fs::path& link) { return link.string() + ".txt"; }

bool has_no_links(int code) {
  constexpr std::array kCodes = {EPERM, EINVAL, ENOTSUP, EOPNOTSUPP, ENOSYS};
  return std::ranges::find(kCodes, code) != kCodes.end();
}

RuntimeError failed(const char* call, const fs::path& path) {
  return RuntimeError("{}: {} failed ({}). Check that the folder may be written, then start again.",
                      path.string(), call, std::strerror(errno));
}

void replace_by_text(const fs::path& link, const std::string& target, int code) {
  static std::atomic<bool> told{false};
  if (!told.exchange(true))
    log_warning(
        "{}: this file system has no symbolic links ({}). What would be links there, `latest` and `best`, are text files with the name of the checkpoint: latest.txt and best.txt",
        folder_of(link).string(), std::strerror(code));
  write_text_file(text_of(link), target + "\n");
  std::error_code none;  // a copy of the file that a link once led to, say: it would be out of date
  fs::remove(link, none);
}

}  // namespace

void replace_link(const fs::path& link, const std::string& target) {
  const fs::path partial = partial_name(link);
  if (::unlink(partial.c_str()) != 0 && errno != ENOENT) throw failed("unlink", partial);
  if (::symlink(target.c_str(), partial.c_str()) != 0) {
    const int code = errno;
    if (!has_no_links(code)) throw failed("symlink", partial);
    return replace_by_text(link, target, code);
  }
  if (::rename(partial.c_str(), link.c_str()) != 0) throw failed("rename", link);
  std::error_code none;
  fs::remove(text_of(link), none);
  sync_directory(folder_of(link));
}

std::optional<std::string> link_target(const fs::path& link) {
  std::error_code none;
  const fs::path target = fs::read_symlink(link, none);
  if (!none) return target.filename().string();
  constexpr std::uint64_t kMostBytes = 4096;
  std::string name = read_small_file(text_of(link), kMostBytes).value_or("");
  name.erase(std::min(name.find_last_not_of(" \r\n") + 1, name.size()));
  const bool plain = !name.empty() && name != "." && name != ".." &&
                     name.find_first_of(std::string("/\n\0", 3)) == std::string::npos;
  return plain ? std::optional(name) : std::nullopt;
}

std::optional<fs::path> follow_link(const fs::path& link) {
  std::error_code none;
  if (fs::exists(link, none)) return link;
  const auto target = link_target(link);
  if (!target || !fs::exists(folder_of(link) / *target, none)) return std::nullopt;
  return folder_of(link) / *target;
}

std::error_code remove_link(const fs::path& link) {
  std::error_code error;
  std::error_code also;
  fs::remove(link, error);
  fs::remove(text_of(link), also);
  return error ? error : also;
}

void try_out_folder(const fs::path& folder) {
  const fs::path link = folder / ".tried";
  replace_link(link, "nothing");
  if (const std::error_code error = remove_link(link))
    throw RuntimeError("{}: what was written there cannot be removed ({}). Mend the permissions.",
                       link.string(), error.message());
}

}  // namespace annulus::io
