// Which validation is the better one, and when a training no longer improves.
#include "trainer/loop/best_model.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "trainer/loop/run_state.hpp"

namespace annulus::trainer {
namespace {

const ValidationFigures kNone;
const ValidationFigures kGood{.loss = 0.5, .accuracy = 0.8, .macro_recall = 0.6};
const ValidationFigures kSure{.loss = 0.4, .accuracy = 0.8, .macro_recall = 0.5};
const ValidationFigures kFair{.loss = 0.3, .accuracy = 0.7, .macro_recall = 0.7};

TEST(BestModel, GoesByTheFigureThatIsAskedFor) {
  EXPECT_TRUE(is_better(kGood, kFair, BestBy::accuracy));
  EXPECT_TRUE(is_better(kFair, kGood, BestBy::loss));
  EXPECT_TRUE(is_better(kFair, kGood, BestBy::macro_recall));
  for (const BestBy figure : {BestBy::accuracy, BestBy::loss, BestBy::macro_recall})
    EXPECT_TRUE(is_better(kGood, kNone, figure)) << word_of(figure);
}

TEST(BestModel, ALowerLossBreaksTies) {
  EXPECT_TRUE(is_better(kSure, kGood, BestBy::accuracy));
  EXPECT_FALSE(is_better(kGood, kSure, BestBy::accuracy));
  EXPECT_FALSE(is_better(kGood, kGood, BestBy::accuracy));
}

TEST(BestModel, ALossThatIsNoNumberIsWorseThanAny) {
  const ValidationFigures lost{.loss = std::nan(""), .accuracy = 0.8, .macro_recall = 0.6};

  EXPECT_TRUE(is_better(kGood, lost, BestBy::accuracy));
  EXPECT_FALSE(is_better(lost, kGood, BestBy::loss));
  EXPECT_TRUE(is_better(kGood, lost, BestBy::loss));
  EXPECT_FALSE(has_improved(lost, kGood, BestBy::loss, 0));
}

TEST(BestModel, ImprovementsAreInUnitsOfTheFigure) {
  EXPECT_TRUE(has_improved(kGood, kNone, BestBy::accuracy, 100)) << "the first validation";
  EXPECT_TRUE(has_improved(kGood, kFair, BestBy::accuracy, 0.05));
  EXPECT_FALSE(has_improved(kGood, kFair, BestBy::accuracy, 0.2));
  EXPECT_TRUE(has_improved(kSure, kGood, BestBy::accuracy, 0)) << "the loss counts at an equal figure";
  EXPECT_FALSE(has_improved(kSure, kGood, BestBy::accuracy, 0.001));
  EXPECT_FALSE(has_improved(kGood, kGood, BestBy::accuracy, 0)) << "or a training would never end";
}

TEST(RunState, RemembersTheFiguresOfTheBestModel) {
  const RunState state{
      .step = 9, .best = kGood, .best_step = 6, .improved = kFair, .epochs_without_improvement = 2};

  const RunState read = run_state_from_json(to_json(state));

  EXPECT_EQ(read.best.loss, 0.5);
  EXPECT_EQ(read.best.accuracy, 0.8);
  EXPECT_EQ(read.best.macro_recall, 0.6);
  EXPECT_EQ(read.improved.loss, 0.3);
  EXPECT_EQ(read.best_step, 6u);
  EXPECT_EQ(read.epochs_without_improvement, 2);
}

TEST(RunState, LabelsAmongTheKLargestAreCountedAnewForAnotherNumber) {
  const RunState state{.epoch_top = 6, .epoch_top_samples = 8, .top_k = 5};
  RunState read = run_state_from_json(to_json(state));

  count_top(5, read);
  EXPECT_EQ(read.epoch_top, 6);
  EXPECT_EQ(read.epoch_top_samples, 8);
  count_top(3, read);
  EXPECT_EQ(read.top_k, 3);
  EXPECT_EQ(read.epoch_top, 0);
  EXPECT_EQ(read.epoch_top_samples, 0);
}

TEST(RunState, EpochsJudgedByAnotherFigureAreCountedAnew) {
  const RunState state{.epochs_without_improvement = 2, .improved_by = BestBy::macro_recall};
  RunState same = run_state_from_json(to_json(state));
  RunState other = same;

  EXPECT_FALSE(judge_improvement_by(BestBy::macro_recall, same));
  EXPECT_EQ(same.epochs_without_improvement, 2);
  EXPECT_TRUE(judge_improvement_by(BestBy::loss, other));
  EXPECT_EQ(other.epochs_without_improvement, 0);
  EXPECT_EQ(other.improved_by, BestBy::loss);
  EXPECT_FALSE(judge_improvement_by(BestBy::accuracy, other)) << "there are none to be counted anew";
}

TEST(RunState, OfAnOlderVersionKnowsAccuracyAndLowestLoss) {
  const RunState read = run_state_from_json(
      R"({"step":9,"epoch_loss_sum":0.0,"epoch_correct":0.0,"epoch_samples":0.0,"best_accuracy":0.75,"best_step":6,)"
      R"("best_loss":0.25,"epochs_without_improvement":1,"last_loss":0.5,"last_accuracy":0.5})");

  EXPECT_EQ(read.best.accuracy, 0.75);
  EXPECT_EQ(read.best_step, 6u);
  EXPECT_EQ(read.improved.loss, 0.25);
  EXPECT_EQ(read.epochs_without_improvement, 1);
  EXPECT_EQ(read.improved_by, BestBy::loss) << "older versions stop by it";
  EXPECT_TRUE(is_better({.loss = 3, .accuracy = 0.75}, read.best, BestBy::accuracy))
      << "its loss is not known";
}

}  // namespace
}  // namespace annulus::trainer
