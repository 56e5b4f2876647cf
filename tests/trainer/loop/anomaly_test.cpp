// What a run remembers about bad steps, when a loss is a spike, and that a checkpoint keeps it all.
#include "trainer/loop/anomaly.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "trainer/loop/run_state.hpp"

namespace annulus::trainer {
namespace {

constexpr double kNone = std::numeric_limits<double>::infinity();

/// Good steps 1, 2, ... with these losses.
RecentLosses losses_of(std::initializer_list<double> values) {
  RecentLosses losses;
  std::uint64_t step = 0;
  for (const double value : values) losses.add(++step, value);
  return losses;
}

TEST(LossLimit, IsAMultipleOfTheMedianOfTheLastGoodSteps) {
  const RecentLosses losses = losses_of({100, 1, 5, 3});

  EXPECT_EQ(loss_limit({.spike_factor = 4, .spike_window = 3}, losses, 6), 4 * 3.0);
  EXPECT_EQ(loss_limit({.spike_factor = 4, .spike_window = 4}, losses, 6), 4 * (3 + 5) / 2.0);
}

TEST(LossLimit, IsOffUntilThereAreEnoughSteps) {
  const RecentLosses losses = losses_of({1, 1, 1});

  EXPECT_EQ(loss_limit({.spike_factor = 4, .spike_window = 4}, losses, 9), kNone);
  EXPECT_EQ(loss_limit({.spike_factor = 0, .spike_window = 2}, losses, 9), kNone);
}

TEST(LossLimit, DoesNotKnowTheStepJustBefore) {  // as on a GPU, which has begun before that one's result
  const AnomalyConfig config{.spike_factor = 2, .spike_window = 2};

  EXPECT_EQ(loss_limit(config, losses_of({1, 3, 50}), 4), 2 * 2.0);
  EXPECT_EQ(loss_limit(config, losses_of({1, 3}), 4), 2 * 2.0);  // step 3 was bad, or is not known yet
}

TEST(RecentLosses, ForgetTheOldest) {
  RecentLosses losses;
  for (std::uint64_t step = 1; step <= 1000; ++step) losses.add(step, static_cast<double>(step));

  EXPECT_EQ(losses.count, kMostRecentLosses + 1);
  EXPECT_EQ(losses.values.front(), 1000 - kMostRecentLosses);
  EXPECT_EQ(losses.values.back(), 1000);
}

TEST(PassesOver, TheBadStepAndThoseBeforeIt) {
  AnomalyHistory history;
  history.went_back[0] = 20;
  history.rollbacks = 1;
  history.went_back[1] = 40;  // not one of them

  EXPECT_TRUE(passes_over({.rollback_steps = 1}, history, 20));
  EXPECT_FALSE(passes_over({.rollback_steps = 1}, history, 19));
  EXPECT_FALSE(passes_over({.rollback_steps = 1}, history, 21));
  EXPECT_FALSE(passes_over({.rollback_steps = 1}, history, 40));
  EXPECT_TRUE(passes_over({.rollback_steps = 3}, history, 18));
  EXPECT_FALSE(passes_over({.rollback_steps = 3}, history, 17));
}

RunState state_with_history() {
  RunState state{.step = 44};
  state.anomalies.skipped = 9;
  state.anomalies.skipped_in_a_row = 2;
  state.anomalies.went_back[0] = 17;
  state.anomalies.went_back[1] = 30;
  state.anomalies.rollbacks = 2;
  state.anomalies.losses = losses_of({0.1, 1.0 / 3});
  return state;
}

TEST(RunStateJson, KeepsTheHistoryExactly) {
  const AnomalyHistory read = run_state_from_json(to_json(state_with_history())).anomalies;

  EXPECT_EQ(read.skipped, 9U);
  EXPECT_EQ(read.skipped_in_a_row, 2);
  EXPECT_EQ(read.rollbacks, 2);
  EXPECT_EQ(read.went_back, state_with_history().anomalies.went_back);
  EXPECT_EQ(read.losses.count, 2);
  EXPECT_EQ(read.losses.last_step, 2U);
  EXPECT_EQ(read.losses.values, losses_of({0.1, 1.0 / 3}).values);
}

TEST(RunStateJson, ReadsCheckpointsFromBeforeThereWasOne) {
  auto json = nlohmann::json::parse(to_json(state_with_history()));
  json.erase("anomalies");

  const RunState read = run_state_from_json(json.dump());

  EXPECT_EQ(read.step, 44U);
  EXPECT_EQ(read.anomalies.skipped, 0U);
  EXPECT_EQ(read.anomalies.rollbacks, 0);
}

TEST(RunStateJson, RefusesListsThatAreTooLong) {
  auto json = nlohmann::json::parse(to_json(state_with_history()));
  json["anomalies"]["went_back"] = std::vector<std::uint64_t>(kMostRollbacks + 1, 1);
  EXPECT_THROW(run_state_from_json(json.dump()), DataError);
  json["anomalies"]["went_back"] = "many";
  EXPECT_THROW(run_state_from_json(json.dump()), DataError);
}

}  // namespace
}  // namespace annulus::trainer
