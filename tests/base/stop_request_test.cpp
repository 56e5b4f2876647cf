// Signals set a flag; a second Ctrl-C leaves. Each case runs in a process of its own, since handlers are
// global.
#include "base/stop_request.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>

namespace annulus::trainer {
namespace {

/// Ends with 0 when nothing is requested before the signal and `reason` afterwards.
void receive(int signal_number, const char* reason) {
  catch_stop_signals();
  const bool before = stop_requested() || !stop_reason(stop_signal()).empty();
  std::raise(signal_number);
  std::_Exit(!before && stop_requested() && stop_reason(stop_signal()).starts_with(reason) ? 0 : 1);
}

TEST(StopRequest, EverySignalIsARequest) {
  EXPECT_EXIT(receive(SIGINT, "SIGINT"), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(receive(SIGTERM, "SIGTERM"), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(receive(SIGUSR1, "SIGUSR1"), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(receive(SIGUSR2, "SIGUSR2"), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(receive(SIGHUP, "SIGHUP (the terminal is gone)"), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(receive(SIGXCPU, "SIGXCPU (the limit of CPU time"), testing::ExitedWithCode(0), "");
}

/// Ends with 0 when a signal that was ignored before is none afterwards, caught or released.
void ignore(int signal_number) {
  std::signal(signal_number, SIG_IGN);
  settle_signals();
  catch_stop_signals();
  std::raise(signal_number);
  const bool asked = stop_requested();
  release_stop_signals();
  std::raise(signal_number);
  std::_Exit(asked ? 1 : 0);
}

TEST(StopRequest, WhatWasIgnoredAtTheStartStaysIgnored) {
  for (const int signal_number : {SIGINT, SIGHUP, SIGTERM, SIGXCPU})
    EXPECT_EXIT(ignore(signal_number), testing::ExitedWithCode(0), "") << signal_number;
}

/// Ends with 0 when writing into a pipe without a reader is an error, a child can be waited for, and a signal
/// that the parent had blocked arrives.
void inherit_odd_settings() {
  std::signal(SIGCHLD, SIG_IGN);
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  sigprocmask(SIG_BLOCK, &blocked, nullptr);
  settle_signals();
  catch_stop_signals();
  int ends[2] = {-1, -1};
  bool good = pipe(ends) == 0 && close(ends[0]) == 0;
  good = good && write(ends[1], "x", 1) < 0 && errno == EPIPE;
  const pid_t child = fork();
  if (child == 0) std::_Exit(7);
  int status = 0;
  good = good && waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 7;
  std::raise(SIGTERM);
  std::_Exit(good && stop_requested() ? 0 : 1);
}

TEST(StopRequest, WhatAParentLeavesDoesNoHarm) {
  EXPECT_EXIT(inherit_odd_settings(), testing::ExitedWithCode(0), "");
}

/// Computes until it is asked to stop. @param soft, hard  seconds of CPU time
void use_up_cpu(rlim_t soft, rlim_t hard) {
  const rlimit limit{.rlim_cur = soft, .rlim_max = hard};
  setrlimit(RLIMIT_CPU, &limit);
  catch_stop_signals();
  ask_before_cpu_limit();
  rlimit now{};
  getrlimit(RLIMIT_CPU, &now);
  std::fprintf(stderr, "soft %d of %d\n", static_cast<int>(now.rlim_cur), static_cast<int>(now.rlim_max));
  while (hard == 2 && !stop_requested()) {
  }
  std::_Exit(0);
}

TEST(StopRequest, IsAskedForBeforeALimitOfCpuTimeThatKills) {
  EXPECT_EXIT(use_up_cpu(2, 2), testing::ExitedWithCode(0), "soft 1 of 2");
  EXPECT_EXIT(use_up_cpu(7200, 7200), testing::ExitedWithCode(0), "soft 6840 of 7200");
  EXPECT_EXIT(use_up_cpu(100, 7200), testing::ExitedWithCode(0), "soft 100 of 7200");
}

void receive_several(std::initializer_list<int> signals) {
  catch_stop_signals();
  for (const int signal_number : signals) std::raise(signal_number);
  std::fprintf(stderr, "%s\n", stop_reason(stop_signal()).c_str());
  std::_Exit(0);
}

TEST(StopRequest, ASecondInterruptLeavesAtOnce) {
  EXPECT_EXIT(receive_several({SIGINT, SIGINT}), testing::ExitedWithCode(130), "without a checkpoint");
}

TEST(StopRequest, OtherSignalsMayRepeat) {
  EXPECT_EXIT(receive_several({SIGTERM, SIGTERM, SIGUSR1, SIGINT}), testing::ExitedWithCode(0), "SIGTERM");
}

/// @param raised_first  before the signals are released, or after
void release(int signal_number, bool raised_first) {
  catch_stop_signals();
  if (raised_first) std::raise(signal_number);
  std::fputs("still here", stderr);
  release_stop_signals();
  if (!raised_first) std::raise(signal_number);
  std::_Exit(0);
}

TEST(StopRequest, ReleasedSignalsEndTheProcess) {
  for (const bool raised_first : {true, false}) {
    EXPECT_EXIT(release(SIGTERM, raised_first), testing::KilledBySignal(SIGTERM), "still here");
    EXPECT_EXIT(release(SIGUSR1, raised_first), testing::KilledBySignal(SIGUSR1), "still here");
  }
}

TEST(StopRequest, NothingIsRequestedAtFirst) {
  EXPECT_FALSE(stop_requested());
  EXPECT_EQ(stop_reason(stop_signal()), "");
}

}  // namespace
}  // namespace annulus::trainer
