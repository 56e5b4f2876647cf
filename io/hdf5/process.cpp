// See process.hpp. The child is started by posix_spawn, never by fork: MPI libraries keep threads and
// memory that a forked copy must not touch.
//
// How a child can fail, who notices, and what the rank then throws. Each limit is there for one of them:
//   crashes                    its end of the socket closes            DataError: the file is damaged
//   computes without end       SIGPROF ends it after kReaderTime       DataError, as above
//   takes memory without end   RLIMIT_AS: the library's own error      DataError: needed more than ... GB
//   answers nonsense           MessageReader                           DataError
//   its first answer hangs     SO_RCVTIMEO, kMostOpenSeconds           RuntimeError: the file system
//   a later answer hangs       nobody here: a watchdog, which knows what the rank waits for and for how long
// Computing and waiting are limited apart because a slow disk is not the file's fault: the timer of computing
// stands still meanwhile.
#include "io/hdf5/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <map>
#include <tuple>
#include <utility>

#include "base/error.hpp"
#include "io/hdf5/file.hpp"

namespace annulus::io {
namespace {

constexpr int kMostOpenSeconds = 120;  // the file may lie on a slow disk
constexpr int kKillMilliseconds = 1000;

/// Which version of which file.
using FileVersion = std::tuple<dev_t, ino_t, off_t, std::int64_t, std::int64_t>;

struct Readers {
  std::mutex mutex;
  ReaderStarter starter;
  std::map<FileVersion, std::weak_ptr<Hdf5Process>> known;
  int keepers = 0;
  int unpack_threads = 1;
  std::vector<std::shared_ptr<Hdf5Process>> kept;
};

Readers& readers() {
  static Readers instance;
  return instance;
}

void check_system(bool succeeded, const char* call) {
  if (!succeeded)
    throw RuntimeError(
        "a process that reads an HDF5 file could not be started: {} failed ({}). Is a limit of processes, files or memory reached?",
        call, std::strerror(errno));
}

/// The same file under a number that the ends of a child do not have.
Descriptor set_apart(int descriptor, const char* call) {
  check_system(descriptor >= 0, call);
  const Descriptor low(descriptor);
  constexpr int kAboveEnds = 16;
  const int high = ::fcntl(descriptor, F_DUPFD_CLOEXEC, kAboveEnds);
  check_system(high >= 0, "fcntl");
  return Descriptor(high);
}

Descriptor open_to_read(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    throw DataError("{}: cannot be opened ({}). Check its permissions.", path, std::strerror(errno));
  return set_apart(descriptor, "open");
}

/// Streams and signals of a child. Signals that ask for an orderly end are for the rank: its child lives as
/// long as it asks.
class SpawnSettings {
 public:
  SpawnSettings() {
    check(::posix_spawn_file_actions_init(&actions_));
    check(::posix_spawnattr_init(&attributes_));
    sigset_t blocked;
    sigemptyset(&blocked);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGTSTP, SIGXCPU})
      sigaddset(&blocked, signal);
    check(::posix_spawnattr_setsigmask(&attributes_, &blocked));
    check(::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK));
    for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
      check(::posix_spawn_file_actions_addopen(&actions_, stream, "/dev/null", O_RDWR, 0));
  }
  ~SpawnSettings() {
    ::posix_spawnattr_destroy(&attributes_);
    ::posix_spawn_file_actions_destroy(&actions_);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;

  void connect(int descriptor, int end) {
    check(::posix_spawn_file_actions_adddup2(&actions_, descriptor, end));
  }
  pid_t spawn(const char* program, char* const* words) const {
    pid_t process = -1;
    check(::posix_spawn(&process, program, &actions_, &attributes_, words, environ));
    return process;
  }

 private:
  static void check(int code) {
    errno = code;  // these calls return it
    check_system(code == 0, "posix_spawn");
  }
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

int wait_for_end(pid_t process) {
  int status = 0;
  while (::waitpid(process, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

std::string complaint(int status) {
  if (!WIFSIGNALED(status)) return fmt::format("ended with code {}", WEXITSTATUS(status));
  const int signal = WTERMSIG(status);
  if (signal == SIGPROF)
    return fmt::format("was not done after {} s of computing", kReaderTime.count() / 1000);
  return fmt::format("crashed ({})", strsignal(signal));
}

}  // namespace

void set_hdf5_reader(ReaderStarter starter) {
  const std::lock_guard lock(readers().mutex);
  readers().starter = std::move(starter);
}

bool reads_by_process() {
  const std::lock_guard lock(readers().mutex);
  return static_cast<bool>(readers().starter);
}

void set_unpack_threads(int threads) {
  const std::lock_guard lock(readers().mutex);
  readers().unpack_threads = std::max(1, threads);
}

int unpack_threads() {
  const std::lock_guard lock(readers().mutex);
  return readers().unpack_threads;
}

ReaderStarter start_program(const std::string& program) {
  return [program](const ReaderEnds& ends, const std::string& path) {
    SpawnSettings settings;
    const ReaderEnds targets;
    settings.connect(ends.requests, targets.requests);
    settings.connect(ends.file, targets.file);
    std::string name = program;
    std::string word = kReaderWord;
    std::string file = path;
    const std::array<char*, 4> words{name.data(), word.data(), file.data(), nullptr};
    return settings.spawn(program.c_str(), words.data());
  };
}

KeepReaders::KeepReaders() {
  const std::lock_guard lock(readers().mutex);
  ++readers().keepers;
}

KeepReaders::~KeepReaders() {
  std::vector<std::shared_ptr<Hdf5Process>> ending;  // outside the lock
  const std::lock_guard lock(readers().mutex);
  if (--readers().keepers == 0) ending.swap(readers().kept);
}

std::shared_ptr<Hdf5Process> Hdf5Process::reading(const std::string& path) {
  Readers& all = readers();
  const std::lock_guard lock(all.mutex);
  if (!all.starter) return nullptr;
  Descriptor file = open_to_read(path);
  struct stat status {};
  check_system(::fstat(file.get(), &status) == 0, "fstat");
  const FileVersion version{status.st_dev, status.st_ino, status.st_size, status.st_mtim.tv_sec,
                            status.st_mtim.tv_nsec};
  std::erase_if(all.known, [](const auto& entry) { return entry.second.expired(); });
  if (const auto found = all.known.find(version); found != all.known.end())
    if (auto process = found->second.lock()) return process;
  auto process = std::make_shared<Hdf5Process>(std::move(file), path, all.starter);
  all.known[version] = process;
  if (all.keepers > 0) all.kept.push_back(process);
  return process;
}

ReaderProcess::ReaderProcess(const Descriptor& file, const std::string& path, const ReaderStarter& starter) {
  std::array<int, 2> ends{};
  check_system(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0, "socketpair");
  Descriptor theirs(ends[1]);
  socket_ = set_apart(ends[0], "socketpair");
  theirs = set_apart(theirs.release(), "socketpair");
  wait_at_most(kMostOpenSeconds);
  process_ = starter({.requests = theirs.get(), .file = file.get()}, path);
}

ReaderProcess::~ReaderProcess() {
  if (process_ <= 0) return;
  ::kill(process_, SIGKILL);  // it only reads: nothing is lost
  // A process that waits for a dead file system cannot be killed before that answers: then it is left.
  pollfd closed{socket_.get(), POLLIN, 0};
  if (::poll(&closed, 1, kKillMilliseconds) > 0) wait_for_end(process_);
}

/// 0: for ever, which ends where a watchdog says so.
void ReaderProcess::wait_at_most(int seconds) const {
  const timeval limit{.tv_sec = seconds, .tv_usec = 0};
  check_system(::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0, "setsockopt");
}

void ReaderProcess::report_death(const Request& request) {
  const int status = wait_for_end(process_);
  process_ = -1;
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
    death_ = fmt::format(
        "{}: cannot be read: the process that reads it was killed{}. Did memory run out (`dmesg` tells)?",
        request.path, request.doing);
  else
    death_ = fmt::format(
        "{}: cannot be read: a process that tried {} in the HDF5 library{}, as any program would. The file is damaged, or made to do harm; copy or make it again.",
        request.path, complaint(status), request.doing);
  throw DataError("{}", death_);
}

std::string ReaderProcess::exchange(const Request& request) {
  // A file that has killed its child gets no second one while it is open: every later call says the same.
  if (!death_.empty()) throw DataError("{}", death_);
  MessageWriter framed;
  framed.put(request.bytes.size());
  framed.put(request.file);
  std::uint64_t size = 0;
  errno = 0;
  if (!send_all(socket_.get(), framed.bytes() + request.bytes, request.descriptor) ||
      !receive_all(socket_.get(), {reinterpret_cast<char*>(&size), sizeof size})) {
    if (errno == EAGAIN) {  // for lack of computing time it would have been ended before
      death_ = fmt::format(
          "{}: cannot be read: its file system has not answered for {} s. Does it still work, e.g. for `head -c 1`?",
          request.path, kMostOpenSeconds);
      throw RuntimeError("{}", death_);
    }
    report_death(request);
  }
  if (!std::exchange(opened_, true)) wait_at_most(0);
  // Killed first, so that the read below ends: what claims to be longer than any answer is not waited for.
  if (size > kMostAnswer) ::kill(process_, SIGKILL);
  std::string bytes(std::min(size, kMostAnswer), '\0');
  if (!receive_all(socket_.get(), bytes)) report_death(request);
  return bytes;
}

Hdf5Process::Hdf5Process(Descriptor file, std::string path, const ReaderStarter& starter)
    : path_(std::move(path)),
      file_(std::move(file)),
      reader_(std::make_shared<ReaderProcess>(file_, path_, starter)) {}

Hdf5Process::Hdf5Process(Descriptor file, std::string path, std::shared_ptr<ReaderProcess> reader,
                         std::shared_ptr<Questions> record)
    : path_(std::move(path)),
      file_(std::move(file)),
      reader_(std::move(reader)),
      introduced_(false),
      record_(std::move(record)) {
  const std::lock_guard lock(reader_->mutex());
  number_ = reader_->next_file();
}

Hdf5Process::~Hdf5Process() {
  if (number_ == 0 || !introduced_) return;
  try {
    const std::lock_guard lock(reader_->mutex());
    MessageWriter message;
    message.put(Hdf5Request::forget);
    send(message.bytes());
  } catch (const Error&) {  // gone, and the file with it
  }
}

std::string Hdf5Process::send(const std::string& request, int descriptor) {
  return reader_->exchange(
      {.file = number_, .path = path_, .bytes = request, .doing = doing_, .descriptor = descriptor});
}

void Hdf5Process::survey(const Questions& questions, bool keep) {
  const std::lock_guard lock(reader_->mutex());
  MessageWriter message;
  message.put(Hdf5Request::survey);
  message.put(std::string_view(path_));
  message.put(keep);
  message.put(questions);
  MessageReader answer(result_of(send(message.bytes(), file_.get())));
  const auto answers = answer.take<std::vector<std::string>>();
  answer.expect_end();
  introduced_ = keep;
  for (std::size_t i = 0; i < std::min(questions.size(), answers.size()); ++i)
    answers_[questions[i]] = answers[i];
}

std::string Hdf5Process::exchange(const std::string& request) {
  if (const auto known = answers_.find(request); known != answers_.end()) return result_of(known->second);
  if (record_ && std::ranges::find(*record_, request) == record_->end()) record_->push_back(request);
  if (!std::exchange(introduced_, true)) {
    MessageWriter message;
    message.put(Hdf5Request::introduce);
    message.put(std::string_view(path_));
    result_of(send(message.bytes(), file_.get()));
  }
  return result_of(send(request));
}

std::string Hdf5Process::result_of(const std::string& bytes) const {
  MessageReader answer(bytes);
  switch (answer.take_enum(Hdf5Answer::no_memory)) {
    case Hdf5Answer::result:
      return bytes.substr(sizeof(std::uint64_t));
    case Hdf5Answer::no_memory:
      throw DataError(
          "{}: cannot be read: a process that tried needed more than {:.0f} GB of memory. The file is damaged, or made to do harm; copy or make it again.",
          path_, static_cast<double>(kReaderMemory) / 1e9);
    case Hdf5Answer::data_error:
      throw DataError("{}", answer.take<std::string>());
    case Hdf5Answer::other_error:
      break;
  }
  throw RuntimeError("{}", answer.take<std::string>());
}

std::shared_ptr<Hdf5Process> SharedReader::start(const std::string& path, std::shared_ptr<Questions> record) {
  const std::lock_guard lock(readers().mutex);
  if (!readers().starter) return nullptr;
  if (!reader_) {
    const Descriptor nothing = set_apart(::open("/dev/null", O_RDONLY | O_CLOEXEC), "open");
    reader_ = std::make_shared<ReaderProcess>(nothing, "many files", readers().starter);
  }
  return std::make_shared<Hdf5Process>(open_to_read(path), path, reader_, std::move(record));
}

namespace {

/// What is usual is not asked of every file before it is opened: there are many.
template <class Open>
Hdf5File explained(const std::string& path, Open&& open) {
  try {
    return open();
  } catch (const DataError&) {
    Hdf5File::require_readable(path);
    throw;
  }
}

}  // namespace

Hdf5File SharedReader::open(const std::string& path, std::shared_ptr<Questions> record) {
  return explained(path, [&] { return Hdf5File::open_by(path, start(path, std::move(record))); });
}

Hdf5File SharedReader::open(const std::string& path, const Questions& questions, bool keep) {
  return explained(path, [&] {
    auto process = start(path, nullptr);
    if (process) process->survey(questions, keep);
    return Hdf5File::open_by(path, std::move(process));
  });
}

}  // namespace annulus::io
