// /proc/PID/task/TID/syscall (man 5 proc): the number of the call and its arguments, while a thread is within
// one. Paths among the arguments are read from the memory of the process through /proc/PID/mem, which answers
// with an error where a pointer is none.
#include "base/blocked_calls.hpp"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string_view>
#include <thread>

namespace annulus {
namespace {

namespace fs = std::filesystem;

struct Call {
  fs::path process;  ///< its folder in /proc
  long number = -1;
  std::array<std::uint64_t, 2> arguments{};
  bool operator==(const Call&) const = default;
};

/// Where a call names its file.
enum class Subject {
  open_file,      ///< first argument: a descriptor
  path,           ///< first argument: its address
  path_in_folder  ///< a descriptor of a folder, then the address of a path
};

struct KnownCall {
  long number;
  const char* name;
  Subject subject;
};

constexpr std::array kKnown{
    KnownCall{SYS_read, "read", Subject::open_file},
    KnownCall{SYS_readv, "read", Subject::open_file},
    KnownCall{SYS_pread64, "read", Subject::open_file},
    KnownCall{SYS_write, "write", Subject::open_file},
    KnownCall{SYS_writev, "write", Subject::open_file},
    KnownCall{SYS_pwrite64, "write", Subject::open_file},
    KnownCall{SYS_fsync, "sync", Subject::open_file},
    KnownCall{SYS_fdatasync, "sync", Subject::open_file},
    KnownCall{SYS_ftruncate, "resize", Subject::open_file},
    KnownCall{SYS_fcntl, "lock", Subject::open_file},
    KnownCall{SYS_flock, "lock", Subject::open_file},
    KnownCall{SYS_fstat, "look", Subject::open_file},
    KnownCall{SYS_getdents64, "list", Subject::open_file},
    KnownCall{SYS_statfs, "look", Subject::path},
    KnownCall{SYS_openat, "open", Subject::path_in_folder},
    KnownCall{SYS_newfstatat, "look", Subject::path_in_folder},
    KnownCall{SYS_statx, "look", Subject::path_in_folder},
    KnownCall{SYS_mkdirat, "make", Subject::path_in_folder},
    KnownCall{SYS_unlinkat, "remove", Subject::path_in_folder},
#ifdef SYS_open  // older architectures have both kinds
    KnownCall{SYS_open, "open", Subject::path},
    KnownCall{SYS_stat, "look", Subject::path},
    KnownCall{SYS_lstat, "look", Subject::path},
    KnownCall{SYS_access, "look", Subject::path},
    KnownCall{SYS_mkdir, "make", Subject::path},
    KnownCall{SYS_unlink, "remove", Subject::path},
    KnownCall{SYS_rmdir, "remove", Subject::path},
    KnownCall{SYS_rename, "rename", Subject::path},
    KnownCall{SYS_readlink, "look", Subject::path},
#endif
};

/// What each thread of a process is within; threads that are in no call, or in none of these, are left out.
/// Processes that it has started, to read files for it, count as threads.
void add_calls(const fs::path& process, std::map<std::string, Call>& found) {
  std::error_code none;
  for (auto entry = fs::directory_iterator(process / "task", none);
       !none && entry != fs::directory_iterator(); entry.increment(none)) {
    std::ifstream children(entry->path() / "children");
    for (std::string child; children >> child;) add_calls("/proc/" + child, found);
    std::ifstream file(entry->path() / "syscall");
    Call call{.process = process};
    if (!(file >> call.number)) continue;  // "running", or not for us to know
    for (std::uint64_t& argument : call.arguments) file >> std::hex >> argument;
    if (file && std::ranges::any_of(kKnown, [&](const auto& known) { return known.number == call.number; }))
      found[entry->path().filename().string()] = call;
  }
}

std::map<std::string, Call> calls_of_threads() {
  std::map<std::string, Call> found;
  add_calls("/proc/self", found);
  return found;
}

std::string target_of(const fs::path& process, const std::string& descriptor) {
  std::array<char, 4096> target{};
  const fs::path link = process / "fd" / descriptor;
  const ssize_t length = readlink(link.c_str(), target.data(), target.size());
  return length > 0 ? std::string(target.data(), static_cast<std::size_t>(length)) : std::string();
}

std::string target_of(const Call& call) {
  return target_of(call.process, std::to_string(static_cast<int>(call.arguments[0])));
}

std::string text_at(const fs::path& process, std::uint64_t address) {
  constexpr std::uint64_t kPage = 4096;  // what follows the page of a text's end may not be there
  std::string text;
  const int memory = open((process / "mem").c_str(), O_RDONLY | O_CLOEXEC);
  while (memory >= 0 && text.size() < kPage) {
    std::array<char, kPage> part{};
    const std::size_t wanted = kPage - address % kPage;
    const ssize_t got = pread(memory, part.data(), wanted, static_cast<off_t>(address));
    const std::string_view seen(part.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
    text += seen.substr(0, seen.find('\0'));
    if (seen.size() < wanted || seen.find('\0') != seen.npos) break;
    address += wanted;
  }
  if (memory >= 0) close(memory);
  return text;
}

/// Pipes, sockets, terminals and what the system itself shows are not on any disk.
bool is_on_a_disk(const std::string& path) {
  if (path.empty() || path.find(":[") != path.npos) return false;
  return std::ranges::none_of(std::array{"/dev/", "/proc/", "/sys/", "anon_inode"},
                              [&](const char* start) { return path.starts_with(start); });
}

std::string file_of(const Call& call, Subject subject) {
  if (subject == Subject::open_file) return target_of(call);
  if (subject == Subject::path) return text_at(call.process, call.arguments[0]);
  const std::string name = text_at(call.process, call.arguments[1]);
  if (name.empty()) return target_of(call);
  constexpr std::string_view kDescriptors = "/proc/self/fd/";  // as which a reader opens what it was given
  if (name.starts_with(kDescriptors)) return target_of(call.process, name.substr(kDescriptors.size()));
  const bool from_here = name[0] == '/' || static_cast<int>(call.arguments[0]) == AT_FDCWD;
  return from_here ? name : target_of(call) + "/" + name;
}

}  // namespace

std::vector<std::string> blocked_file_calls(double seconds) {
  const auto before = calls_of_threads();
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  std::vector<std::string> found;
  for (const auto& [thread, call] : calls_of_threads()) {
    const auto earlier = before.find(thread);
    if (earlier == before.end() || earlier->second != call) continue;
    const auto known = std::ranges::find(kKnown, call.number, &KnownCall::number);
    const std::string file = file_of(call, known->subject);
    const std::string text = std::string(known->name) + " of " + file;
    if (is_on_a_disk(file) && std::ranges::find(found, text) == found.end()) found.push_back(text);
  }
  return found;
}

}  // namespace annulus
