// See stop_request.hpp. Everything the handler does is on POSIX' list of async-signal-safe functions
// (signal-safety(7)): lock-free atomics, write and _exit.
#include "base/stop_request.hpp"

#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "base/error.hpp"

namespace annulus::trainer {
namespace {

constexpr std::array kSignals = {SIGINT, SIGTERM, SIGUSR1, SIGUSR2};
constexpr int kInterruptedCode = 130;  // what shells expect after SIGINT: 128 + 2

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

void catch_stop_signals() {
  struct sigaction action {};
  action.sa_handler = on_stop_signal;
  action.sa_flags = SA_RESTART;  // reads and writes under way go on: the step is finished first
  sigemptyset(&action.sa_mask);
  for (const int signal_number : kSignals) {
    if (::sigaction(signal_number, &action, nullptr) != 0)
      throw RuntimeError(
          "cannot catch {} ({}), so a stop request would lose the work since the last checkpoint. Is the program run under a tool that forbids signal handlers?",
          ::strsignal(signal_number), std::strerror(errno));
  }
}

void release_stop_signals() {
  for (const int signal_number : kSignals) ::signal(signal_number, SIG_DFL);
  if (stop_requested()) ::raise(first_signal);
}

bool stop_requested() noexcept { return first_signal.load(std::memory_order_relaxed) != 0; }

std::string stop_reason() {
  switch (first_signal.load()) {
    case SIGINT:
      return "SIGINT";
    case SIGTERM:
      return "SIGTERM";
    case SIGUSR1:
      return "SIGUSR1";
    case SIGUSR2:
      return "SIGUSR2";
    default:
      return {};
  }
}

}  // namespace annulus::trainer
