// Signals set a flag; a second Ctrl-C leaves. Each case runs in a process of its own, since handlers are
// global.
#include "base/stop_request.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

namespace annulus::trainer {
namespace {

/// Ends with 0 when nothing is requested before the signal and `reason` afterwards.
void receive(int signal_number, const char* reason) {
  catch_stop_signals();
  const bool before = stop_requested() || !stop_reason().empty();
  std::raise(signal_number);
  std::_Exit(!before && stop_requested() && stop_reason() == reason ? 0 : 1);
}

TEST(StopRequest, EverySignalIsARequest) {
  EXPECT_EXIT(receive(SIGINT, "SIGINT"), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(receive(SIGTERM, "SIGTERM"), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(receive(SIGUSR1, "SIGUSR1"), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(receive(SIGUSR2, "SIGUSR2"), testing::ExitedWithCode(0), "");
}

void receive_several(std::initializer_list<int> signals) {
  catch_stop_signals();
  for (const int signal_number : signals) std::raise(signal_number);
  std::fprintf(stderr, "%s\n", stop_reason().c_str());
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
  EXPECT_EQ(stop_reason(), "");
}

}  // namespace
}  // namespace annulus::trainer
