// Steps as CUDA graphs: the same bits as without, for full and short steps, from the GPU's images and the
// host's.
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "comm/cuda/cuda.hpp"
#include "tests/trainer/backend/cuda/step_runs.hpp"
#include "trainer/backend/cuda/step_graph.hpp"

namespace annulus::trainer {
namespace {

using test::Engine;
using test::run_steps;
using test::RunOutcome;
using test::step_config;
using test::vector_step_config;

class CudaGraphs : public testing::TestWithParam<std::vector<std::string>> {};

TEST_P(CudaGraphs, GiveTheBitsOfSingleLaunches) {
  std::vector<std::string> with = GetParam(), without = GetParam();
  with.push_back("device.graph=true");
  without.push_back("device.graph=false");
  constexpr std::size_t kSteps = 20;  // four epochs: the short step is captured in the third

  const RunOutcome graph = run_steps(step_config(with), Engine::cuda, {.count = kSteps});
  const RunOutcome launches = run_steps(step_config(without), Engine::cuda, {.count = kSteps});

  EXPECT_EQ(graph.losses, launches.losses);
  EXPECT_EQ(graph.norms, launches.norms);
  EXPECT_EQ(graph.values, launches.values);
}

using Overrides = std::vector<std::string>;
INSTANTIATE_TEST_SUITE_P(
    Ways, CudaGraphs,
    testing::Values(Overrides{}, Overrides{"data.gpu_mb=0"},
                    Overrides{"optimizer.kind=adam", "optimizer.momentum=null", "optimizer.clip_norm=0.1"},
                    Overrides{"optimizer.kind=rmsprop", "optimizer.centered=true"},
                    Overrides{"optimizer.kind=lion", "optimizer.momentum=null"},
                    Overrides{"device.precision=bfloat16"}, Overrides{"reduction=fast"}));

TEST(CudaGraphsOfVectors, GiveTheSameBitsWithVectorsBesideTheImages) {
  for (const char* const where : {"data.gpu_mb=-1", "data.gpu_mb=0"}) {
    const RunOutcome graph = run_steps(vector_step_config({where}), Engine::cuda, {.count = 20});
    const RunOutcome launches =
        run_steps(vector_step_config({where, "device.graph=false"}), Engine::cuda, {.count = 20});

    EXPECT_EQ(graph.losses, launches.losses) << where;
    EXPECT_EQ(graph.values, launches.values) << where;
  }
}

TEST(StepGraph, LeavesTheStreamUsableAfterAnError) {
  const comm::Stream stream;

  EXPECT_THROW(cuda::StepGraph(stream.get(), [] { throw RuntimeError("in the middle"); }), RuntimeError);

  comm::DeviceBuffer<float> buffer(4, "test");
  comm::fill_zero(buffer.get(), buffer.size(), stream.get());
  EXPECT_NO_THROW(stream.synchronize());
}

TEST(CudaGraphGuard, ABadStepLeavesNothingBehind) {
  const trainer::Config config =
      step_config({"optimizer.kind=adam", "optimizer.momentum=null", "device.graph=true"});

  const RunOutcome spoilt = run_steps(config, Engine::cuda, {.spoilt = 6});
  const RunOutcome left_out = run_steps(config, Engine::cuda, {.left_out = 6});

  EXPECT_EQ(spoilt.bad, std::vector<std::size_t>{6});
  EXPECT_EQ(spoilt.values, left_out.values);
  EXPECT_EQ(spoilt.first_state, left_out.first_state);
}

}  // namespace
}  // namespace annulus::trainer
