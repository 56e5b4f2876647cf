// How many steps a number of epochs is.
#include <gtest/gtest.h>

#include "trainer/loop/training_loop.hpp"

namespace annulus::trainer {
namespace {

TEST(TotalSteps, AreRoundedUpButForRoundingOfTheNumberItself) {
  EXPECT_EQ(total_steps(2, 5), 10u);
  EXPECT_EQ(total_steps(0.5, 3), 2u);
  EXPECT_EQ(total_steps(1.01, 10), 11u);
  EXPECT_EQ(total_steps(0.07, 100), 7u);  // 7.000000000000001
}

}  // namespace
}  // namespace annulus::trainer
