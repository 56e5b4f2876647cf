// What was measured on other samples says nothing about these.
#include <gtest/gtest.h>

#include "trainer/loop/run_state.hpp"

namespace annulus::trainer {
namespace {

TEST(ForgetValidations, LeavesNothingOfThemAndAllElse) {
  const RunState fresh;
  RunState state{.step = 40, .epoch_loss_sum = 2.5, .epoch_samples = 8};
  state.best = {.loss = 0.25, .accuracy = 0.75, .macro_recall = 0.5};
  state.improved = {.loss = 0.125, .accuracy = 0.875, .macro_recall = 0.625};
  state.best_step = 30;
  state.epochs_without_improvement = 3;

  forget_validations(state);

  for (const auto& [now, before] :
       {std::pair(state.best, fresh.best), std::pair(state.improved, fresh.improved)}) {
    EXPECT_EQ(now.loss, before.loss);
    EXPECT_EQ(now.accuracy, before.accuracy);
    EXPECT_EQ(now.macro_recall, before.macro_recall);
  }
  EXPECT_EQ(state.best_step, 0u);
  EXPECT_EQ(state.epochs_without_improvement, 0);
  EXPECT_EQ(state.step, 40u);
  EXPECT_EQ(state.epoch_loss_sum, 2.5);
}

}  // namespace
}  // namespace annulus::trainer
