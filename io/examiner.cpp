// See examiner.hpp. The child is started by posix_spawn, never by fork: MPI libraries keep threads and memory
// that a forked copy must not touch.
#include "io/examiner.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <mutex>
#include <optional>
#include <set>
#include <tuple>

#include "base/error.hpp"
#include "base/unique_handle.hpp"
#include "io/hdf5_file.hpp"

namespace annulus::io {
namespace {

constexpr std::uint64_t kMostMemory = std::uint64_t{6}
                                      << 30;  // a chunk of 1 GiB, compressed and not, with room
constexpr std::uint64_t kMostSeconds = 20;    // of computing; a usual file takes milliseconds
constexpr int kMostWaitSeconds = 120;         // the file may lie on a slow disk
constexpr int kKillMilliseconds = 1000;
constexpr int kOutOfMemory = 3;  // exit code of the examining process

/// Which version of which file.
using FileVersion = std::tuple<dev_t, ino_t, off_t, std::int64_t, std::int64_t>;

struct Examiner {
  std::mutex mutex;
  std::string program;  ///< empty = nobody examines
  std::set<FileVersion> examined;
};

Examiner& examiner() {
  static Examiner instance;
  return instance;
}

struct DescriptorTraits {
  using type = int;
  static constexpr type null = -1;
  static void close(type descriptor) noexcept { ::close(descriptor); }  // nothing was written to it
};
using Descriptor = UniqueHandle<DescriptorTraits>;

void check_system(bool succeeded, const char* call, int code) {
  if (!succeeded)
    throw RuntimeError(
        "a file could not be examined: {} failed ({}). Is a limit of processes or files reached?", call,
        std::strerror(code));
}

class FileActions {
 public:
  FileActions() { check(::posix_spawn_file_actions_init(&actions_)); }
  ~FileActions() { ::posix_spawn_file_actions_destroy(&actions_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;
  void open(int stream, const char* path, int flags) {
    check(::posix_spawn_file_actions_addopen(&actions_, stream, path, flags, 0));
  }
  void connect(int descriptor, int stream) {
    check(::posix_spawn_file_actions_adddup2(&actions_, descriptor, stream));
  }
  const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  static void check(int code) { check_system(code == 0, "posix_spawn_file_actions", code); }
  posix_spawn_file_actions_t actions_{};
};

/// A started child, which is waited for or killed.
class Child {
 public:
  Child(const std::string& program, const std::string& file) {
    std::array<int, 2> ends{};
    check_system(::pipe2(ends.data(), O_CLOEXEC) == 0, "pipe", errno);
    alive_ = Descriptor(ends[0]);
    const Descriptor held_by_child(ends[1]);
    FileActions actions;
    for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
      actions.open(stream, "/dev/null", O_RDWR);
    actions.connect(held_by_child.get(), STDERR_FILENO + 1);
    std::string word = kExamineWord;
    std::string name = program;
    std::string path = file;
    std::array<char*, 4> words{name.data(), word.data(), path.data(), nullptr};
    const int code = ::posix_spawn(&process_, program.c_str(), actions.get(), nullptr, words.data(), environ);
    check_system(code == 0, "posix_spawn", code);
  }
  ~Child() {
    if (process_ <= 0) return;
    ::kill(process_, SIGKILL);
    // A process that waits for a dead file system cannot be killed before that answers: then it is left.
    pollfd closed{alive_.get(), POLLIN, 0};
    if (::poll(&closed, 1, kKillMilliseconds) > 0) wait_for_end();
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  /// @return its status as of waitpid(), or nothing when it runs for longer than that
  std::optional<int> wait(std::chrono::seconds limit) {
    const auto end = std::chrono::steady_clock::now() + limit;
    pollfd closed{alive_.get(), POLLIN, 0};  // the kernel closes its end when the child ends, however it ends
    while (true) {
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now())
              .count();
      const int ready = ::poll(&closed, 1, static_cast<int>(std::max<std::int64_t>(left, 0)));
      if (ready > 0) return wait_for_end();
      if (ready == 0) return std::nullopt;
      check_system(errno == EINTR, "poll", errno);
    }
  }

 private:
  int wait_for_end() {
    int status = 0;
    while (::waitpid(process_, &status, 0) < 0 && errno == EINTR) {
    }
    process_ = -1;
    return status;
  }

  pid_t process_ = -1;
  Descriptor alive_;
};

/// What went wrong in the examining process; empty when nothing did.
std::string complaint(int status) {
  if (WIFSIGNALED(status)) {
    const int signal = WTERMSIG(status);
    if (signal == SIGXCPU || signal == SIGKILL)
      return fmt::format("was not done after {} s of computing", kMostSeconds);
    return fmt::format("crashed ({})", strsignal(signal));
  }
  if (WEXITSTATUS(status) == 0) return "";
  if (WEXITSTATUS(status) == kOutOfMemory)
    return fmt::format("needed more than {:.0f} GB of memory", static_cast<double>(kMostMemory) / 1e9);
  return fmt::format("ended with code {}", WEXITSTATUS(status));
}

void set_limit(__rlimit_resource resource, std::uint64_t value) {
  rlimit limit{};
  if (getrlimit(resource, &limit) != 0) return;
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, value);
  setrlimit(resource, &limit);  // a limit that cannot be set is one that is lower already
}

void limit_this_process() {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);                                // nobody would hear the answer
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // which take terabytes of addresses
  set_limit(RLIMIT_AS, kMostMemory);
#endif
  set_limit(RLIMIT_CPU, kMostSeconds);
  set_limit(RLIMIT_CORE, 0);
  set_limit(RLIMIT_FSIZE, 0);
}

/// HDF5's words for it; only these are told apart from what is wrong with the file.
bool tells_of_memory(const std::string& message) {
  return message.find("allocation failed") != std::string::npos;
}

class Toucher {
 public:
  explicit Toucher(const Hdf5File& file) : file_(file) {}

  void touch_group(const std::string& group, int depth) {
    std::vector<std::string> names;
    attempt([&] { names = file_.members(group.empty() ? "/" : group); });
    for (const std::string& name : names) {
      if (++objects_ > kMostObjects) return;
      const std::string path = group.empty() ? name : group + "/" + name;
      attempt([&] { touch_object(path, depth); });
    }
  }

  void touch_attributes(const std::string& object) {
    std::vector<std::string> names;
    attempt([&] { names = file_.attributes(object); });
    for (const std::string& name : names)
      for (const auto read : {+[](const Hdf5File&file, const std::string&of, const std::string&attribute) {
                                static_cast<void>(file.strings_attribute(of, attribute));
                              },
                              +[](const Hdf5File&file, const std::string&of, const std::string&attribute) {
                                static_cast<void>(file.double_attribute(of, attribute));
                              },
                              +[](const Hdf5File&file, const std::string&of, const std::string&attribute) {
                                static_cast<void>(file.uint64_attribute(of, attribute));
                              }})
        attempt([&] { read(file_, object, name); });
  }

 private:
  static constexpr int kMostObjects = 10'000;
  static constexpr int kDeepest = 8;

  template <class Call>
  static void attempt(Call&& call) {
    try {
      call();
    } catch (const DataError& error) {
      if (tells_of_memory(error.what())) throw;
    }
  }

  void touch_object(const std::string& path, int depth) {
    if (!file_.exists(path)) return;
    touch_attributes(path);
    if (file_.is_dataset(path))
      file_.dataset(path).touch();
    else if (depth < kDeepest)
      touch_group(path, depth + 1);
  }

  const Hdf5File& file_;
  int objects_ = 0;
};

}  // namespace

void set_examiner(const std::string& program) {
  const std::lock_guard lock(examiner().mutex);
  examiner().program = program;
}

void touch_file(const std::string& path) {
  const Hdf5File file = Hdf5File::open(path);
  Toucher toucher(file);
  toucher.touch_attributes("/");
  toucher.touch_group("", 0);
}

int examine_main(const std::string& path) {
  limit_this_process();
  try {
    touch_file(path);
    return 0;
  } catch (const std::bad_alloc&) {
    return kOutOfMemory;
  } catch (const Error& error) {
    return tells_of_memory(error.what()) ? kOutOfMemory : 0;
  }
}

void examine_first(const std::string& path) {
  Examiner& known = examiner();
  const std::lock_guard lock(known.mutex);
  struct stat status {};
  if (known.program.empty() || ::stat(path.c_str(), &status) != 0) return;  // opening it will say why
  const FileVersion version{status.st_dev, status.st_ino, status.st_size, status.st_mtim.tv_sec,
                            status.st_mtim.tv_nsec};
  if (known.examined.contains(version)) return;
  Child child(known.program, path);
  const std::optional<int> ended = child.wait(std::chrono::seconds(kMostWaitSeconds));
  if (!ended)  // for lack of computing time it would have been ended before
    throw RuntimeError(
        "{}: cannot be read: its file system has not answered for {} s. Does it still work, e.g. for "
        "`head -c 1`?",
        path, kMostWaitSeconds);
  const std::string wrong = complaint(*ended);
  if (!wrong.empty())
    throw DataError(
        "{}: cannot be read: a process that tried {} in the HDF5 library, as any program would. The file is "
        "damaged, or "
        "made to do harm; copy or make it again.",
        path, wrong);
  known.examined.insert(version);
}

}  // namespace annulus::io
