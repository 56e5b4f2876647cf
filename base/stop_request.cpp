// See stop_request.hpp. Everything the handler does is on POSIX' list of async-signal-safe functions
// (signal-safety(7)): lock-free atomics, write and _exit.
#include "base/stop_request.hpp"

#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/error.hpp"

namespace annulus::trainer {
namespace {

constexpr std::array kSignals = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGXCPU};
constexpr int kInterruptedCode = 130;  // what shells expect after SIGINT: 128 + 2

/// Which of them were ignored when the process began.
bool ignored_at_start[kSignals.size()];

/// Asks the kernel before the constructors of any library run: UCX, which Debian 13's Open MPI is linked
/// with, puts a handler of its own onto SIGHUP there. So early no sanitizer is ready for instrumented code.
__attribute__((no_sanitize("address", "thread", "undefined"))) void note_ignored_signals(int, char**,
                                                                                         char**) {
  struct {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)();
    std::uint64_t mask;
  } action;  // the kernel's, which libc's is not
  const int* const signals = kSignals.data();
  for (std::size_t i = 0; i < sizeof(ignored_at_start); ++i)
    ignored_at_start[i] =
        ::syscall(SYS_rt_sigaction, signals[i], nullptr, &action, sizeof(action.mask)) == 0 &&
        action.handler == SIG_IGN;
}

/// The linker's list of what a program, as opposed to a library, does first.
[[gnu::section(".preinit_array"), gnu::used]] void (*const first_of_all)(int, char**,
                                                                         char**) = note_ignored_signals;

std::atomic<int> first_signal{0};
std::atomic<int> interrupts{0};
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler may only use lock-free atomics");

void leave_at_once() {
  constexpr std::string_view message = "\nInterrupted twice: leaving at once, without a checkpoint.\n";
  const ssize_t written = ::write(STDERR_FILENO, message.data(), message.size());
  static_cast<void>(written);  // nothing can be done about a closed terminal here
  ::_exit(kInterruptedCode);
}

extern "C" void on_stop_signal(int signal_number) {
  int none = 0;
  first_signal.compare_exchange_strong(none, signal_number);
  if (signal_number == SIGINT && interrupts.fetch_add(1) > 0) leave_at_once();
}

}  // namespace

void settle_signals() noexcept {
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);
  ::signal(SIGCHLD, SIG_DFL);
  sigset_t heeded;
  sigemptyset(&heeded);
  for (const int signal_number : kSignals) sigaddset(&heeded, signal_number);
  sigprocmask(SIG_UNBLOCK, &heeded, nullptr);
}

void catch_stop_signals() {
  struct sigaction action {};
  action.sa_handler = on_stop_signal;
  action.sa_flags = SA_RESTART;  // reads and writes under way go on: the step is finished first
  sigemptyset(&action.sa_mask);
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    const int signal_number = kSignals[i];
    if (ignored_at_start[i]) ::signal(signal_number, SIG_IGN);
    struct sigaction before {};
    if (::sigaction(signal_number, nullptr, &before) == 0 && before.sa_handler == SIG_IGN) continue;
    if (::sigaction(signal_number, &action, nullptr) != 0)
      throw RuntimeError(
          "cannot catch {} ({}), so a stop request would lose the work since the last checkpoint. Is the program run under a tool that forbids signal handlers?",
          ::strsignal(signal_number), std::strerror(errno));
  }
}

void ask_before_cpu_limit() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_CPU, &limit) != 0 || limit.rlim_max == RLIM_INFINITY) return;
  if (limit.rlim_cur < limit.rlim_max || limit.rlim_max < 2) return;
  limit.rlim_cur = limit.rlim_max - std::clamp<rlim_t>(limit.rlim_max / 20, 1, 600);
  static_cast<void>(::setrlimit(RLIMIT_CPU, &limit));  // refused: then the end comes unannounced, as before
}

void release_stop_signals() {
  for (const int signal_number : kSignals) {
    struct sigaction now {};
    if (::sigaction(signal_number, nullptr, &now) == 0 && now.sa_handler == on_stop_signal)
      ::signal(signal_number, SIG_DFL);
  }
  if (stop_requested()) ::raise(first_signal);
}

bool stop_requested() noexcept { return first_signal.load(std::memory_order_relaxed) != 0; }

int stop_signal() noexcept { return first_signal.load(); }

std::string stop_reason(int signal_number) {
  switch (signal_number) {
    case 0:
      return {};
    case SIGHUP:
      return "SIGHUP (the terminal is gone)";
    case SIGXCPU:
      return "SIGXCPU (the limit of CPU time, `ulimit -t`, is near)";
    default:
      return fmt::format("SIG{}", ::sigabbrev_np(signal_number));
  }
}

}  // namespace annulus::trainer
