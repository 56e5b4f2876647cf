// Files in memory are the child's streams: no pipe that could fill, and nothing to clean up.
#include "io/files/child_program.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "base/error.hpp"
#include "base/log.hpp"
#include "io/files/descriptor.hpp"

extern char** environ;

namespace annulus::io {
namespace {

/// The one check of system calls in this file.
void check_system(bool succeeded, const char* call, int code = errno) {
  if (!succeeded)
    throw RuntimeError(
        "Starting another program: {} failed ({}). Free some memory or processes, then try again.", call,
        std::strerror(code));
}

/// A file in memory without a name.
class MemoryFile {
 public:
  explicit MemoryFile(const char* purpose) : descriptor_(::memfd_create(purpose, MFD_CLOEXEC)) {
    check_system(static_cast<bool>(descriptor_), "memfd_create");
  }
  int get() const { return descriptor_.get(); }

  void write(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t written = ::write(get(), text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      check_system(written >= 0, "write");
      text.remove_prefix(static_cast<std::size_t>(written));
    }
    check_system(::lseek(get(), 0, SEEK_SET) == 0, "lseek");
  }

  std::string read() const {
    check_system(::lseek(get(), 0, SEEK_SET) == 0, "lseek");
    std::string text;
    std::array<char, 65536> piece{};
    for (;;) {
      const ssize_t count = ::read(get(), piece.data(), piece.size());
      if (count < 0 && errno == EINTR) continue;
      check_system(count >= 0, "read");
      if (count == 0) return text;
      text.append(piece.data(), static_cast<std::size_t>(count));
    }
  }

 private:
  Descriptor descriptor_;
};

/// What the child's standard streams are.
class FileActions {
 public:
  FileActions() { check(::posix_spawn_file_actions_init(&actions_), "posix_spawn_file_actions_init"); }
  ~FileActions() {
    const int code = ::posix_spawn_file_actions_destroy(&actions_);
    if (code != 0) log_warning("posix_spawn_file_actions_destroy: {}", std::strerror(code));
  }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;

  void connect(const MemoryFile& file, int stream) {
    check(::posix_spawn_file_actions_adddup2(&actions_, file.get(), stream),
          "posix_spawn_file_actions_adddup2");
  }
  const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  static void check(int code, const char* call) { check_system(code == 0, call, code); }
  posix_spawn_file_actions_t actions_{};
};

}  // namespace

std::optional<ChildResult> run_program(std::vector<std::string> words, std::string_view input) {
  const MemoryFile in("input of a program");
  const MemoryFile out("output of a program");
  const MemoryFile messages("messages of a program");
  in.write(input);
  FileActions actions;
  actions.connect(in, STDIN_FILENO);
  actions.connect(out, STDOUT_FILENO);
  actions.connect(messages, STDERR_FILENO);
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  pid_t child = 0;
  const int code = ::posix_spawnp(&child, pointers[0], actions.get(), nullptr, pointers.data(), environ);
  if (code == ENOENT) return std::nullopt;
  check_system(code == 0, "posix_spawnp", code);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) check_system(errno == EINTR, "waitpid");
  return ChildResult{.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
                     .output = out.read(),
                     .messages = messages.read()};
}

}  // namespace annulus::io
