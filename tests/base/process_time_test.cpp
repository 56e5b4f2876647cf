// The age of this process, against a clock that its first instructions have read.
#include "base/process_time.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace annulus {
namespace {

using Clock = std::chrono::steady_clock;
const Clock::time_point kLoaded = Clock::now();  // before main

double since_loaded() { return std::chrono::duration<double>(Clock::now() - kLoaded).count(); }

TEST(ProcessTime, IsTheAgeOfTheProcess) {
  constexpr double kTick = 0.02;  // of the kernel, and rounding
  constexpr double kToLoad = 20;  // seconds, on a machine that is busy with other things
  while (since_loaded() < 0.1) {  // so that a clock which stands still, or counts work, is found out
  }

  const double before = since_loaded();
  const double age = seconds_since_process_start();

  EXPECT_GE(age, before - kTick);
  EXPECT_LE(age, since_loaded() + kToLoad);
}

}  // namespace
}  // namespace annulus
