// The step time in a heartbeat is that of the last while.
#include "trainer/watch/step_average.hpp"

#include <gtest/gtest.h>

namespace annulus::trainer {
namespace {

VitalFigures figures(std::uint64_t steps, double seconds) {
  VitalFigures figures;
  figures.steps_done = steps;
  figures.own_seconds = seconds;
  return figures;
}

TEST(StepAverage, NeedsAStepBetweenTwoHeartbeats) {
  StepAverage average;

  EXPECT_EQ(average.add(figures(100, 50)), 0);
  EXPECT_EQ(average.add(figures(100, 51)), 0);
  EXPECT_EQ(average.add(figures(104, 52)), 0.5);
}

TEST(StepAverage, ForgetsHowFastItOnceWas) {
  StepAverage average;
  std::uint64_t steps = 0;
  double seconds = 0;
  for (std::size_t beat = 0; beat < StepAverage::kBeats; ++beat)
    average.add(figures(steps += 10, seconds += 1));  // 0.1 s each
  double last = 0;
  for (std::size_t beat = 0; beat < StepAverage::kBeats - 1; ++beat)
    last = average.add(figures(steps += 1, seconds += 1));

  EXPECT_DOUBLE_EQ(last, 1);
}

}  // namespace
}  // namespace annulus::trainer
