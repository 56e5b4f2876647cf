// Limits that are learned: from what, and how fast.
#include "trainer/watch/silence_limits.hpp"

#include <gtest/gtest.h>

namespace annulus::trainer {
namespace {

const WatchdogConfig kConfig{.least_seconds = 30, .factor = 10, .start_seconds = 600, .save_seconds = 300};

TEST(SilenceLimits, AreGenerousUntilStepsAreKnown) {
  SilenceLimits limits(kConfig);
  EXPECT_EQ(limits.of(Phase::step), 600);
  for (int i = 0; i < 3; ++i) limits.learn_step(100);  // set up what later steps keep
  EXPECT_EQ(limits.of(Phase::step), 600);
  EXPECT_EQ(limits.key_of(Phase::step), "watchdog.start_seconds");

  limits.learn_step(0.1);
  EXPECT_EQ(limits.of(Phase::step), 30);
  EXPECT_EQ(limits.of(Phase::control), 30);
  EXPECT_EQ(limits.key_of(Phase::step), "watchdog.least_seconds");
}

TEST(SilenceLimits, FollowTheMedianOfTheLastSteps) {
  SilenceLimits limits(kConfig);
  for (int i = 0; i < 100; ++i) limits.learn_step(5);
  limits.learn_step(1000);
  EXPECT_EQ(limits.of(Phase::step), 50) << "one long step changes nothing";

  for (int i = 0; i < 64; ++i) limits.learn_step(8);
  EXPECT_EQ(limits.of(Phase::step), 80) << "steps of long ago are forgotten";
}

TEST(SilenceLimits, GrowWithTheLongestSilenceOfAPhase) {
  SilenceLimits limits(kConfig);
  EXPECT_EQ(limits.of(Phase::checkpoint), 300);
  limits.learn_silence(Phase::checkpoint, 50);
  limits.learn_silence(Phase::checkpoint, 2);

  EXPECT_EQ(limits.of(Phase::checkpoint), 500);
  EXPECT_EQ(limits.of(Phase::validation), 300);
  EXPECT_EQ(limits.key_of(Phase::validation), "watchdog.save_seconds");
}

TEST(SilenceLimits, OfTheStartAreGiven) {
  SilenceLimits limits(kConfig);
  limits.learn_silence(Phase::opening_data, 5000);

  EXPECT_EQ(limits.of(Phase::opening_data), 600);
}

}  // namespace
}  // namespace annulus::trainer
