// Whole steps on a GPU against the cpu backend, and the ways of running them against each other.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/trainer/backend/cuda/step_runs.hpp"

namespace annulus::trainer {
namespace {

using test::Engine;
using test::run_steps;
using test::RunOutcome;
using test::step_config;
using test::vector_step_config;

/// Relative distance by norm.
double distance(const std::vector<float>& one, const std::vector<float>& other) {
  EXPECT_EQ(one.size(), other.size());
  double square = 0, apart = 0;
  for (std::size_t i = 0; i < std::min(one.size(), other.size()); ++i) {
    const double difference = static_cast<double>(one[i]) - static_cast<double>(other[i]);
    apart += difference * difference;
    square += static_cast<double>(other[i]) * static_cast<double>(other[i]);
  }
  return std::sqrt(apart / square);
}

void expect_close(const RunOutcome& one, const RunOutcome& other) {
  ASSERT_EQ(one.losses.size(), other.losses.size());
  // A step differs by some 1e-6 of rounding, which fifteen steps of training amplify.
  for (std::size_t step = 0; step < one.losses.size(); ++step) {
    EXPECT_NEAR(one.losses[step], other.losses[step], 1e-4) << "step " << step;
    EXPECT_NEAR(one.norms[step], other.norms[step], 1e-3 * other.norms[step]) << "step " << step;
  }
  EXPECT_LT(distance(one.values, other.values), 1e-4);
}

void expect_equal(const RunOutcome& one, const RunOutcome& other) {
  EXPECT_EQ(one.losses, other.losses);
  EXPECT_EQ(one.norms, other.norms);
  EXPECT_EQ(one.values, other.values);
  EXPECT_EQ(one.first_state, other.first_state);
}

class CudaSteps : public testing::TestWithParam<const char*> {};

TEST_P(CudaSteps, FollowTheCpuBackend) {
  const std::vector<std::string> overrides{GetParam(), "device.graph=false"};

  const RunOutcome cpu = run_steps(step_config(overrides), Engine::host);
  const RunOutcome gpu = run_steps(step_config(overrides), Engine::cuda);

  expect_close(gpu, cpu);
  if (!cpu.first_state.empty()) {
    EXPECT_LT(distance(gpu.first_state, cpu.first_state), 1e-3);
  }
}

INSTANTIATE_TEST_SUITE_P(Optimizers, CudaSteps,
                         testing::Values("optimizer.kind=sgd", "optimizer.nesterov=true",
                                         "optimizer.momentum=0", "optimizer.clip_norm=0.05",
                                         "optimizer.kind=lars"));

TEST(CudaStepImages, AreTheSameFromTheGpuAndFromTheHost) {
  const RunOutcome resident = run_steps(step_config({"device.graph=false"}), Engine::cuda);
  const RunOutcome streamed = run_steps(step_config({"device.graph=false", "data.gpu_mb=0"}), Engine::cuda);

  expect_equal(streamed, resident);
}

/// Labels, images, vectors and dropout of samples that come several times in an epoch.
TEST(CudaStepDraws, FollowTheCpuBackendFromTheGpuAndFromTheHost) {
  const auto config = [](const std::string& more) {
    return vector_step_config({"data.sampling=balanced", "device.graph=false", more});
  };

  const RunOutcome cpu = run_steps(config("seed=1"), Engine::host);
  const RunOutcome resident = run_steps(config("seed=1"), Engine::cuda);

  expect_close(resident, cpu);
  expect_equal(run_steps(config("data.gpu_mb=0"), Engine::cuda), resident);
}

TEST(CudaStepVectors, FollowTheCpuBackendFromTheGpuAndFromTheHost) {
  const RunOutcome cpu = run_steps(vector_step_config({}), Engine::host);
  const RunOutcome resident = run_steps(vector_step_config({"device.graph=false"}), Engine::cuda);
  const RunOutcome streamed =
      run_steps(vector_step_config({"device.graph=false", "data.gpu_mb=0"}), Engine::cuda);

  expect_close(resident, cpu);
  expect_equal(streamed, resident);
}

/// Images and vectors, weights and shares: resident, from the host, and in captured steps.
TEST(CudaStepMixtures, FollowTheCpuBackendHoweverTheyCome) {
  const auto config = [](const std::string& more) {
    return vector_step_config({"augmentation.mixup=0.3", "loss.label_smoothing=0.1", more});
  };
  constexpr test::Steps kWeighted{.weighted = true};

  const RunOutcome cpu = run_steps(config("device.graph=false"), Engine::host, kWeighted);
  const RunOutcome resident = run_steps(config("device.graph=false"), Engine::cuda, kWeighted);

  expect_close(resident, cpu);
  expect_equal(run_steps(config("data.gpu_mb=0"), Engine::cuda, kWeighted), resident);
  expect_equal(run_steps(config("data.gpu_mb=-1"), Engine::cuda, kWeighted), resident);
}

class CudaStepGuard : public testing::TestWithParam<const char*> {};

TEST_P(CudaStepGuard, ABadStepLeavesNothingBehind) {  // though the next one begins before the host knows
  const trainer::Config config = step_config({"optimizer.kind=adam", "optimizer.momentum=null", GetParam()});

  const RunOutcome spoilt = run_steps(config, Engine::cuda, {.spoilt = 6});
  const RunOutcome left_out = run_steps(config, Engine::cuda, {.left_out = 6});

  EXPECT_EQ(spoilt.bad, std::vector<std::size_t>{6});
  EXPECT_TRUE(left_out.bad.empty());
  EXPECT_EQ(spoilt.values, left_out.values);
  EXPECT_EQ(spoilt.first_state, left_out.first_state);
}

INSTANTIATE_TEST_SUITE_P(Ways, CudaStepGuard, testing::Values("device.graph=false", "debug=true"));

TEST(CudaStepDebug, GivesTheSameBitsStepByStep) {
  const RunOutcome ahead = run_steps(step_config({"device.graph=false"}), Engine::cuda);
  const RunOutcome debug = run_steps(step_config({"debug=true"}), Engine::cuda);

  expect_equal(debug, ahead);
}

}  // namespace
}  // namespace annulus::trainer
