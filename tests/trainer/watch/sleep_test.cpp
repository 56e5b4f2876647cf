// A machine that sleeps, or a process that is stopped, makes no progress and is at no fault.
#include <gtest/gtest.h>

#include <future>

#include "trainer/watch/times.hpp"
#include "trainer/watch/watchdog.hpp"

namespace annulus::trainer {
namespace {

/// Jumps ahead by an hour at its third reading: between the first two looks of a watchdog.
class JumpingClock {
 public:
  double read() {
    ++readings_;
    if (readings_ == 3) jumped_ += 3600;
    if (readings_ == 6) seen_.set_value();
    return steady_seconds() + jumped_;
  }
  /// Until the watchdog has looked several times since.
  void await_looks() { seen_.get_future().wait(); }

 private:
  int readings_ = 0;
  double jumped_ = 0;
  std::promise<void> seen_;
};

TEST(SleepingWatchdog, TimeAsleepCountsAsOneLook) {
  const Party party{.rank = 0, .start = 1, .identities = {own_identity("here")}};
  const WatchdogConfig limits{.least_seconds = 60, .factor = 2, .start_seconds = 60, .save_seconds = 60};
  const auto state = std::make_shared<WatchState>(party, limits, std::vector<std::string>{"annulus"});
  const Activity activity(Phase::checkpoint);  // this thread makes no progress
  JumpingClock clock;
  std::atomic<bool> aborted{false};
  {
    const Watchdog watchdog(
        state, [&](ExitCode) { aborted = true; }, [&] { return clock.read(); });
    clock.await_looks();
  }

  EXPECT_FALSE(aborted);
  EXPECT_GE(state->quiet_seconds, kLongestLook) << "the sleep was not seen at all";
  EXPECT_LT(state->quiet_seconds, 60);
}

}  // namespace
}  // namespace annulus::trainer
