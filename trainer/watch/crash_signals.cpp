// The handler uses only what signal-safety(7) allows: prepared paths, a buffer of its own, open, write,
// raise. backtrace() is not on that list; called once before, it has its library loaded and allocates no
// more.
#include "trainer/watch/crash_signals.hpp"

#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/error.hpp"
#include "base/printable.hpp"
#include "base/vital_signs.hpp"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ANNULUS_SANITIZER_HANDLES_SIGNALS 1
#endif

namespace annulus::trainer {
namespace {

constexpr std::array kFatal = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
/// A dead file system must not keep a process that has crashed.
constexpr unsigned kSecondsForFiles = 5;
constexpr std::size_t kPathBytes = 4096;
constexpr std::size_t kStackBytes = 64 * 1024;
constexpr int kFrames = 64;

using Path = std::array<char, kPathBytes>;

/// What the handler needs, prepared while all was well.
struct Prepared {
  std::atomic<bool> has_files{false};
  Path record{};
  Path backtrace{};
  Path origin{};
  std::array<char, 65> host{};
  int rank = 0;
  int ranks = 1;
};

Prepared prepared;
std::atomic_flag crashed = ATOMIC_FLAG_INIT;
alignas(16) std::array<char, kStackBytes> handler_stack;  // the usual one may be what overflowed

/// Text in a fixed buffer; what does not fit is dropped.
class Text {
 public:
  Text& operator<<(std::string_view text) {
    for (const char c : text) put(c);
    return *this;
  }
  Text& operator<<(std::uint64_t number) {
    std::array<char, 20> digits{};
    std::size_t count = 0;
    do {
      digits[count++] = static_cast<char>('0' + number % 10);
      number /= 10;
    } while (number > 0);
    while (count > 0) put(digits[--count]);
    return *this;
  }
  /// As a JSON string; everything but plain characters becomes a question mark.
  Text& quoted(std::string_view text) {
    put('"');
    for (const char c : text) put(c < ' ' || c > '~' || c == '"' || c == '\\' ? '?' : c);
    put('"');
    return *this;
  }
  /// Text of others for a terminal: every byte that it would obey becomes a question mark.
  Text& shown(std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t length = shown_length(text, at);
      if (length == 0) put('?');
      for (std::size_t i = 0; i < length; ++i) put(text[at + i]);
      at += length == 0 ? 1 : length;
    }
    return *this;
  }
  void write_to(int file) const {
    std::size_t done = 0;
    while (done < size_) {
      const ssize_t written = ::write(file, buffer_.data() + done, size_ - done);
      if (written <= 0) return;  // nothing can be done about it here
      done += static_cast<std::size_t>(written);
    }
  }

 private:
  void put(char c) {
    if (size_ < buffer_.size()) buffer_[size_++] = c;
  }
  std::array<char, 24 * 1024> buffer_{};
  std::size_t size_ = 0;
};

std::string_view name_of(int signal_number) {
  switch (signal_number) {
    case SIGSEGV:
      return "SIGSEGV (a forbidden address)";
    case SIGBUS:
      return "SIGBUS (memory or a mapped file that is not there)";
    case SIGFPE:
      return "SIGFPE (arithmetic)";
    case SIGILL:
      return "SIGILL (an instruction that this processor does not have: build with -DWITH_NATIVE_ARCH=OFF what is carried to other machines)";
    default:
      return "SIGABRT (the program gave up)";
  }
}

void put_place(Text& text, const VitalSigns& signs) {
  if (signs.step > 0) text << "step " << signs.step << ", ";
  text << "phase '" << to_string(signs.phase) << "'";
  if (signs.text[0] == '\0') return;
  text << " (";
  text.shown(signs.text.data()) << ")";
}

void say(int signal_number, const VitalSigns& signs) {
  Text text;
  text << "\nerror: rank " << static_cast<std::uint64_t>(prepared.rank) << " on host " << prepared.host.data()
       << " (process " << static_cast<std::uint64_t>(getpid()) << ") was ended by " << name_of(signal_number)
       << " at ";
  put_place(text, signs);
  if (signal_number == SIGBUS)
    text
        << ". Most often a file system in which memory or a mapped file lies is full: look at `df -h /dev/shm` and "
           "at the disks of data and run, enlarge them or lower data.resident_mb. If none is, please report it";
  else
    text << ". This is a fault of the program or of the machine; please report it";
  if (prepared.has_files) {
    text << " with ";
    text.shown(prepared.record.data()) << " and the backtrace beside it";
  }
  text << ". The same command goes on from the newest checkpoint.\n";
  text.write_to(STDERR_FILENO);
}

void put_activity(Text& text, const VitalSigns& signs) {
  text << "{\"phase\": ";
  text.quoted(to_string(signs.phase)) << ", \"step\": " << signs.step << ", \"text\": ";
  text.quoted(signs.text.data()) << ", \"waiting\": " << (signs.waiting ? "true" : "false") << "}";
}

void write_record(int signal_number, const VitalSigns& signs) {
  const int file = open(prepared.record.data(), O_CREAT | O_WRONLY | O_TRUNC | O_NONBLOCK | O_CLOEXEC, 0666);
  if (file < 0) return;
  static Text text;  // too large for the stack of a handler
  text << "{\"kind\": \"crash\",\n \"rank\": " << static_cast<std::uint64_t>(prepared.rank)
       << ",\n \"ranks\": " << static_cast<std::uint64_t>(prepared.ranks) << ",\n \"host\": ";
  text.quoted(prepared.host.data()) << ",\n \"process\": " << static_cast<std::uint64_t>(getpid())
                                    << ",\n \"message\": ";
  text.quoted(name_of(signal_number))
      << ",\n \"signal\": " << static_cast<std::uint64_t>(signal_number)
      << ",\n \"exit_code\": " << std::uint64_t{128} + static_cast<std::uint64_t>(signal_number)
      << ",\n \"origin\": " << static_cast<std::uint64_t>(prepared.rank) << ",\n \"phase\": ";
  text.quoted(to_string(signs.phase)) << ",\n \"step\": " << signs.step << ",\n \"text\": ";
  text.quoted(signs.text.data()) << ",\n \"waiting\": " << (signs.waiting ? "true" : "false")
                                 << ",\n \"recent\": [";
  static std::array<VitalSigns, kActivitiesKept> recent;
  const std::size_t count = recent_activities(recent);
  for (std::size_t i = 0; i < count; ++i) {
    text << (i == 0 ? "\n  " : ",\n  ");
    put_activity(text, recent[i]);
  }
  text << "]}\n";
  text.write_to(file);
  close(file);
}

void write_backtrace() {
  const int file =
      open(prepared.backtrace.data(), O_CREAT | O_WRONLY | O_TRUNC | O_NONBLOCK | O_CLOEXEC, 0666);
  if (file < 0) return;
  std::array<void*, kFrames> frames{};
  backtrace_symbols_fd(frames.data(), backtrace(frames.data(), kFrames), file);
  close(file);
}

/// Marks that the user has been told, so that the ranks left behind do not tell again.
void claim() {
  const int file = open(prepared.origin.data(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
  if (file >= 0) close(file);
}

extern "C" void on_crash_signal(int signal_number) {
  if (crashed.test_and_set()) {
    // Another thread crashes, too, or this handler did: the first one ends the process, or the alarm does.
    alarm(kSecondsForFiles);
    for (;;) pause();
  }
  signal(SIGALRM, SIG_DFL);
  alarm(kSecondsForFiles);
  const VitalSigns signs = vital_signs();
  say(signal_number, signs);
  if (prepared.has_files) {
    claim();
    write_record(signal_number, signs);
    write_backtrace();
  }
  signal(signal_number, SIG_DFL);
  raise(signal_number);  // takes effect when this handler returns
}

void set_host(const std::string& host) {
  prepared.host = {};
  std::memcpy(prepared.host.data(), host.data(), std::min(host.size(), prepared.host.size() - 1));
}

Path path_of(const std::string& text) {
  Path path{};
  expect_contract(text.size() < path.size(), "a path is no longer than the system allows");
  std::memcpy(path.data(), text.data(), text.size());
  return path;
}

}  // namespace

void catch_crash_signals(const std::string& host, int rank) {
  set_host(host);
  prepared.rank = rank;
#ifndef ANNULUS_SANITIZER_HANDLES_SIGNALS
  std::array<void*, kFrames> frames{};
  backtrace(frames.data(), kFrames);  // loads what it needs
  const stack_t stack{.ss_sp = handler_stack.data(), .ss_flags = 0, .ss_size = handler_stack.size()};
  struct sigaction action {};
  action.sa_handler = on_crash_signal;
  action.sa_flags = SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  bool refused = sigaltstack(&stack, nullptr) != 0;
  for (const int signal_number : kFatal) refused |= sigaction(signal_number, &action, nullptr) != 0;
  if (refused)
    throw RuntimeError(
        "cannot catch fatal signals ({}), so a crash would leave no record. Is the program run under a tool that forbids signal handlers?",
        std::strerror(errno));
#endif
}

void set_crash_files(const CrashFiles& files) {
  prepared.has_files = false;
  const std::string rank = files.folder + "/rank-" + std::to_string(files.rank);
  prepared.record = path_of(rank + ".json");
  prepared.backtrace = path_of(rank + ".backtrace");
  prepared.origin = path_of(files.folder + "/origin");
  set_host(files.host);
  prepared.rank = files.rank;
  prepared.ranks = files.ranks;
  prepared.has_files = true;
}

void forget_crash_files() noexcept { prepared.has_files = false; }

}  // namespace annulus::trainer
