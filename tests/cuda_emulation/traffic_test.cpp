// How often the host waits for the GPU, and what it copies from.
#include <gtest/gtest.h>

#include "tests/cuda_emulation/fake_cuda.hpp"
#include "tests/support/pattern_source.hpp"
#include "tests/trainer/backend/cuda/step_runs.hpp"
#include "trainer/loop/evaluator.hpp"

namespace annulus::trainer {
namespace {

TEST(Traffic, AnEvaluationWaitsOnceABatchAndCopiesFromPinnedMemory) {
  const Config config = test::vector_step_config({});
  test::PatternSource source(20, config.network.input, io::PixelType::uint8, config.network.vectors);
  const auto replica =
      make_cuda_replica(config.network, {.shard_samples = 4, .predict_samples = 2}, Precision::float32);
  const auto group = comm::make_serial_group();
  Evaluator evaluator(*replica, *group, source, evaluation_generator(config, source.info()),
                      {.block = 2, .shards = 4});
  test::host_traffic() = {};

  EXPECT_TRUE(evaluator.run().each_once);

  EXPECT_EQ(test::host_traffic().waits, 3);  // batches of 8, 8 and 4
  EXPECT_EQ(test::host_traffic().pageable_copies, 0);
}

TEST(Traffic, StepsCopyFromPinnedMemory) {
  for (const char* where : {"data.gpu_mb=0", "data.gpu_mb=100"}) {
    const Config config = test::step_config({"device.graph=false", where});
    test::run_steps(config, test::Engine::cuda, {.count = 0});
    const int before = test::host_traffic().pageable_copies;
    test::run_steps(config, test::Engine::cuda, {.count = 0});
    const int start = test::host_traffic().pageable_copies - before;  // tables, parameters

    test::host_traffic() = {};
    test::run_steps(config, test::Engine::cuda, {.count = 5});

    EXPECT_EQ(test::host_traffic().pageable_copies, start) << where;
  }
}

}  // namespace
}  // namespace annulus::trainer
