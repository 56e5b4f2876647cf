// A whole step on the host whose gradient is spoilt on its way to the sum.
#include <gtest/gtest.h>

#include "tests/trainer/backend/cuda/step_runs.hpp"

namespace annulus::trainer {
namespace {

using test::Engine;
using test::run_steps;
using test::step_config;

TEST(HostStepEngine, ABadStepLeavesNothingBehind) {
  const Config config = step_config({"optimizer.kind=adam", "optimizer.momentum=null"});

  const test::RunOutcome spoilt = run_steps(config, Engine::host, {.spoilt = 6});
  const test::RunOutcome left_out = run_steps(config, Engine::host, {.left_out = 6});

  EXPECT_EQ(spoilt.bad, std::vector<std::size_t>{6});
  EXPECT_TRUE(left_out.bad.empty());
  EXPECT_EQ(spoilt.values, left_out.values);
  EXPECT_EQ(spoilt.first_state, left_out.first_state);
}

}  // namespace
}  // namespace annulus::trainer
