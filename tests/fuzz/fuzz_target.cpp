// See fuzz_target.hpp.
#include "tests/fuzz/fuzz_target.hpp"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "io/examiner.hpp"

namespace annulus::fuzz {
namespace {

namespace fs = std::filesystem;

class Folder {
 public:
  Folder() {
    const fs::path memory = "/dev/shm";
    const fs::path parent = fs::is_directory(memory) ? memory : fs::temp_directory_path();
    path_ = parent / ("annulus-fuzz-" + std::to_string(::getpid()));
    fs::create_directories(path_);
    // Thousands of warnings about hostile files would hide what matters.
    spdlog::set_level(spdlog::level::off);
  }
  ~Folder() {
    std::error_code ignored;  // what is left in the temporary files harms nobody
    fs::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string path() const { return path_.string(); }

 private:
  fs::path path_;
};

/// What became of the children, told when the process ends.
struct DeathCount {
  std::uint64_t examined = 0;
  std::uint64_t crashed = 0;
  std::uint64_t hung = 0;
  ~DeathCount() {
    std::fprintf(
        stderr,
        "examined in a child: %llu files, of which the HDF5 library crashed on %llu and hung on %llu\n",
        static_cast<unsigned long long>(examined), static_cast<unsigned long long>(crashed),
        static_cast<unsigned long long>(hung));
  }
};

/// A process forked while this one is still small, which forks the children that examine: much faster than
/// from here, and here nobody has threads or MPI.
class Nursery {
 public:
  Nursery() {
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends_) != 0 || (process_ = ::fork()) < 0)
      report_finding("no child can be started");
    if (process_ == 0) serve();
    ::close(ends_[1]);
  }
  ~Nursery() {
    ::close(ends_[0]);
    ::waitpid(process_, nullptr, 0);
  }
  Nursery(const Nursery&) = delete;
  Nursery& operator=(const Nursery&) = delete;

  /// @return the status of the child as of waitpid()
  int examine(const std::string& path) const {
    int status = 0;
    if (patiently([&] { return ::send(ends_[0], path.data(), path.size(), MSG_NOSIGNAL); }) < 0 ||
        patiently([&] { return ::recv(ends_[0], &status, sizeof status, 0); }) != sizeof status)
      report_finding("the process that examines is gone");
    return status;
  }

 private:
  /// libFuzzer's clock interrupts system calls.
  template <class Call>
  static ssize_t patiently(Call&& call) {
    ssize_t result = 0;
    do result = call();
    while (result < 0 && errno == EINTR);
    return result;
  }

  [[noreturn]] void serve() const {
    ::close(ends_[0]);
    const int nowhere = ::open("/dev/null", O_WRONLY);
    ::dup2(nowhere, STDERR_FILENO);
    if (::chdir("/proc") != 0) std::_Exit(2);  // where nobody can leave an input that is no finding
    for (const int signal : {SIGALRM, SIGABRT}) std::signal(signal, SIG_DFL);
    char path[4096];
    ssize_t size = 0;
    while ((size = ::recv(ends_[1], path, sizeof path, 0)) > 0) {
      int status = 0;
      const pid_t child = ::fork();
      if (child == 0) examine_and_leave({path, static_cast<std::size_t>(size)});
      ::waitpid(child, &status, 0);
      if (::send(ends_[1], &status, sizeof status, MSG_NOSIGNAL) < 0) break;
    }
    std::_Exit(0);
  }

  [[noreturn]] static void examine_and_leave(const std::string& path) {
    constexpr unsigned kSeconds = 5;
    alarm(kSeconds);
    expect_answer([&] { io::touch_file(path); });
    std::_Exit(0);
  }

  int ends_[2] = {-1, -1};
  pid_t process_ = -1;
};

}  // namespace

void report_finding(const std::string& what) {
  std::fprintf(stderr, "finding: %s\n", what.c_str());
  std::abort();
}

bool survives_examination(const std::string& path) {
  static Nursery nursery;
  static DeathCount deaths;
  ++deaths.examined;
  const int status = nursery.examine(path);
  const bool survived = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  if (!survived) ++(WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM ? deaths.hung : deaths.crashed);
  return survived;
}

std::uint8_t take_byte(std::span<const std::uint8_t>& input) {
  if (input.empty()) return 0;
  const std::uint8_t value = input.front();
  input = input.subspan(1);
  return value;
}

const std::string& folder() {
  static const Folder made;
  static const std::string path = made.path();
  return path;
}

std::string write_file(const std::string& name, std::span<const std::uint8_t> contents) {
  const std::string path = folder() + "/" + name;
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  if (!contents.empty())  // an empty write of no address counts as a failure
    file.write(reinterpret_cast<const char*>(contents.data()), static_cast<std::streamsize>(contents.size()));
  file.close();
  if (!file) report_finding(path + " cannot be written; is the memory of /dev/shm full?");
  return path;
}

}  // namespace annulus::fuzz
