// Learning rates against values computed by hand and by PyTorch's schedulers.
#include "trainer/loop/schedule.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace annulus::trainer {
namespace {

constexpr double kExact = 1e-12;  // a handful of double operations

TEST(Schedule, ConstantKeepsTheBaseRate) {
  const ScheduleConfig schedule{.kind = ScheduleKind::constant};

  EXPECT_DOUBLE_EQ(learning_rate(schedule, 0.1, 3, 0, 10), 0.1);
  EXPECT_DOUBLE_EQ(learning_rate(schedule, 0.1, 3, 1000, 10), 0.1);
}

TEST(Schedule, WarmUpRisesLinearlyAndNeverIsZero) {
  const ScheduleConfig schedule{.kind = ScheduleKind::constant, .warmup_epochs = 0.5};

  EXPECT_NEAR(learning_rate(schedule, 1.0, 3, 0, 8), 0.25, kExact);
  EXPECT_NEAR(learning_rate(schedule, 1.0, 3, 1, 8), 0.50, kExact);
  EXPECT_NEAR(learning_rate(schedule, 1.0, 3, 3, 8), 1.00, kExact);
  EXPECT_NEAR(learning_rate(schedule, 1.0, 3, 4, 8), 1.00, kExact);
}

TEST(Schedule, WarmUpOfAFractionalStepStaysBelowTheBaseRate) {
  const ScheduleConfig schedule{.kind = ScheduleKind::constant, .warmup_epochs = 0.25};  // 2.5 steps

  EXPECT_NEAR(learning_rate(schedule, 1.0, 1, 1, 10), 0.8, kExact);
  EXPECT_NEAR(learning_rate(schedule, 1.0, 1, 2, 10), 1.0, kExact);
}

TEST(Schedule, StepMultipliesByGammaAtWholeMultiples) {
  const ScheduleConfig schedule{.kind = ScheduleKind::step, .step_epochs = 2, .gamma = 0.1};

  EXPECT_NEAR(learning_rate(schedule, 1.0, 9, 19, 10), 1.0, kExact);
  EXPECT_NEAR(learning_rate(schedule, 1.0, 9, 20, 10), 0.1, kExact);
  EXPECT_NEAR(learning_rate(schedule, 1.0, 9, 40, 10), 0.01, kExact);
}

TEST(Schedule, CosineGoesFromBaseToFinalOverTheRun) {
  const ScheduleConfig schedule{.kind = ScheduleKind::cosine, .final_fraction = 0.2};

  EXPECT_NEAR(learning_rate(schedule, 1.0, 2, 0, 10), 1.0, kExact);
  EXPECT_NEAR(learning_rate(schedule, 1.0, 2, 10, 10), 0.6, kExact);
  EXPECT_NEAR(learning_rate(schedule, 1.0, 2, 20, 10), 0.2, kExact);
  EXPECT_NEAR(learning_rate(schedule, 1.0, 2, 500, 10), 0.2, kExact);
}

TEST(Schedule, CosineStartsAfterWarmUp) {
  const ScheduleConfig schedule{.kind = ScheduleKind::cosine, .warmup_epochs = 1};

  EXPECT_NEAR(learning_rate(schedule, 1.0, 3, 10, 10), 1.0, kExact);
  EXPECT_NEAR(learning_rate(schedule, 1.0, 3, 20, 10), 0.5, kExact);
}

TEST(Schedule, OneCycleHasPyTorchsValues) {
  // torch.optim.lr_scheduler.OneCycleLR(max_lr=1, total_steps=20, pct_start=0.3, div_factor=25,
  // final_div_factor=1e9 (so that the last rate is 4e-11)), printed in double.
  const ScheduleConfig schedule{.kind = ScheduleKind::one_cycle, .final_fraction = 4e-11};

  EXPECT_NEAR(learning_rate(schedule, 1.0, 2, 0, 10), 0.04, kExact);
  EXPECT_NEAR(learning_rate(schedule, 1.0, 2, 1, 10), 0.1316718427000253, kExact);
  EXPECT_NEAR(learning_rate(schedule, 1.0, 2, 5, 10), 1.0, kExact);
  EXPECT_NEAR(learning_rate(schedule, 1.0, 2, 12, 10), 0.50000000002, kExact);
  EXPECT_NEAR(learning_rate(schedule, 1.0, 2, 19, 10), 4e-11, kExact);
}

TEST(Schedule, OneCycleTooShortForItsPeakStaysInRange) {
  const ScheduleConfig schedule{.kind = ScheduleKind::one_cycle, .final_fraction = 0.1};

  for (std::uint64_t step = 0; step < 4; ++step) {
    const double rate = learning_rate(schedule, 1.0, 1, step, 1);
    EXPECT_GE(rate, 0.04) << step;
    EXPECT_LE(rate, 1.0) << step;
  }
}

TEST(Schedule, KeysMatterToTheKindsThatNameThem) {
  struct Change {
    const char* key;
    void (*apply)(ScheduleConfig&);
  };
  const std::vector<Change> changes{
      {"step_epochs", [](ScheduleConfig& schedule) { schedule.step_epochs = 2; }},
      {"gamma", [](ScheduleConfig& schedule) { schedule.gamma = 0.5; }},
      {"final_fraction", [](ScheduleConfig& schedule) { schedule.final_fraction = 0.3; }},
      {"start_fraction", [](ScheduleConfig& schedule) { schedule.start_fraction = 0.5; }},
      {"peak", [](ScheduleConfig& schedule) { schedule.peak = 0.6; }}};
  const auto rates = [](const ScheduleConfig& schedule) {
    std::vector<double> result;
    for (std::uint64_t step = 0; step < 40; ++step) result.push_back(learning_rate(schedule, 1, 4, step, 10));
    return result;
  };

  for (const ScheduleRow& row : kSchedules) {
    const ScheduleConfig plain{.kind = row.kind, .step_epochs = 1};
    for (const Change& change : changes) {
      ScheduleConfig changed = plain;
      change.apply(changed);
      EXPECT_EQ(rates(changed) != rates(plain), uses(row, change.key)) << row.word << ", " << change.key;
    }
    const double then = learning_rate(plain, 1, 4, 15, 10);
    EXPECT_EQ(learning_rate(plain, 1, 8, 15, 10) != then, row.spans_the_run) << row.word;
  }
}

}  // namespace
}  // namespace annulus::trainer
