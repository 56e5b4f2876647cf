// What only played graphs can show: how often they are launched, with what, and that a rank survives another
// one although its graphs hold transfers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/error.hpp"
#include "comm/cuda/cuda.hpp"
#include "tests/cuda_emulation/fake_nccl.hpp"
#include "tests/cuda_emulation/fake_streams.hpp"
#include "tests/support/abandoned_group.hpp"
#include "tests/support/replica_harness.hpp"
#include "tests/trainer/backend/cuda/step_runs.hpp"
#include "trainer/backend/cuda/device_model.hpp"

namespace annulus::trainer {
namespace {

using test::Engine;
using test::graph_log;
using test::nccl_log;
using test::run_steps;
using test::step_config;

TEST(Graphs, EveryStepIsALaunchAlsoOneThatARankSpoils) {
  for (const std::optional<std::size_t> spoilt :
       {std::optional<std::size_t>(), std::optional<std::size_t>(6)}) {
    const test::GraphLog before = graph_log();

    const test::RunOutcome outcome =
        run_steps(step_config({}), Engine::cuda, {.count = 15, .spoilt = spoilt});

    EXPECT_EQ(outcome.bad.size(), spoilt ? 1u : 0u);
    // Twelve full steps and three short ones, two of each without a graph.
    EXPECT_EQ(graph_log().launches - before.launches, 11);
    EXPECT_EQ(graph_log().instantiated - before.instantiated, 2);
  }
  EXPECT_EQ(graph_log().alive, 0);
}

TEST(Graphs, KernelsKeepTheirStreamsPriorities) {
  const test::GraphLog before = graph_log();

  run_steps(step_config({}), Engine::cuda, {.count = 4});

  EXPECT_EQ(graph_log().with_priorities - before.with_priorities, 1);
}

/// Half of a training on two ranks.
class Survivor {
 public:
  Survivor() {
    engine_->upload();
    loader_.seek(0, 0);
  }

  void begin() { engine_->begin(loader_.next(), {.learning_rate = 0.05}); }
  void finish() { engine_->finish(); }
  comm::test::AbandonedGroup& host() { return host_; }

 private:
  const Config config_ = step_config({"reduction=fast"});
  test::PatternSource source_{70, config_.network.input, io::PixelType::uint8, config_.network.vectors};
  comm::test::AbandonedGroup host_;
  std::unique_ptr<Replica> replica_ =
      make_cuda_replica(config_.network, {.shard_samples = 4, .seed = 1}, Precision::float32);
  Optimizer optimizer_{config_.optimizer, config_.network, replica_->layout()};
  std::unique_ptr<comm::DeviceGroup> gpus_ = comm::make_device_group(host_, comm::Transport::nccl);
  std::unique_ptr<StepEngine> engine_ = make_cuda_step_engine(
      {.config = config_,
       .replica = *replica_,
       .state = optimizer_.state(),
       .group = *gpus_,
       .reducer = {.elements = gradient_elements(replica_->layout()),
                   .buckets = comm::make_buckets(gradient_sizes(replica_->layout()), 256),
                   .shards = config_.batch.shards,
                   .reduction = config_.reduction},
       .training = source_});
  io::ShardedSampler sampler_{
      {.samples = 70, .batch = config_.batch.size, .shards = config_.batch.shards, .seed = 1}};
  io::BatchLoader loader_{source_,
                          sampler_,
                          training_generator(config_, source_.info()),
                          {.owned_shards = 2,
                           .content = engine_->content(),
                           .layout = replica_->pixel_layout(),
                           .memory = engine_->batch_memory()}};
};

TEST(LostPeer, EndsTheStepAlthoughGraphsHoldTransfers) {
  const int over = nccl_log().aborts_over;
  {
    Survivor survivor;
    for (int step = 0; step < 4; ++step) {
      survivor.begin();
      survivor.finish();
    }
    ASSERT_EQ(graph_log().alive, 1);
    const test::PretendLostPeers lost;
    survivor.begin();
    survivor.host().set_limit(std::chrono::seconds(0));

    EXPECT_THROW(survivor.finish(), PeerError);

    EXPECT_EQ(graph_log().alive, 0) << "NCCL would wait for it";
    EXPECT_EQ(nccl_log().aborts_over - over, 1) << "before the error goes its way";
  }
  EXPECT_EQ(nccl_log().aborts_stuck, 0);
}

TEST(LostPeer, ATrainingThatEndsInOrderAbortsNothing) {
  const int begun = nccl_log().aborts_begun;
  const int ended = nccl_log().ended;
  {
    Survivor survivor;
    for (int step = 0; step < 6; ++step) {
      survivor.begin();
      survivor.finish();
    }
  }
  EXPECT_EQ(nccl_log().aborts_begun, begun);
  EXPECT_EQ(nccl_log().ended, ended + 1);
}

TEST(Drill, SpoilsTheFirstGradientAndNothingElse) {
  const Network network = step_config({}).network;
  const test::Samples samples = test::random_samples(network, 4, 1);
  cuda::DeviceModel model(network, {.shard_samples = 4}, Precision::float32);
  const std::size_t first = gradient_offset(model.layout());
  // Memory of the device is aligned as the model wants it.
  const comm::DeviceBuffer<float> images(samples.images.size(), "test");
  std::ranges::copy(samples.images, images.get());
  const std::size_t elements = gradient_elements(model.layout());
  const comm::DeviceBuffer<float> gradients(elements, "test");
  for (const std::int64_t size : {4, 0}) {  // a rank's first shard may be empty
    const auto train = [&](std::uint32_t spoil) {
      const cuda::StepScalars scalars{.spoil = spoil};
      std::fill_n(gradients.get(), elements, 7.0f);
      model.train({.images = images.get(),
                   .labels = samples.labels.data(),
                   .samples = samples.numbers.data(),
                   .scalars = &scalars,
                   .size = size},
                  gradients.get(), nullptr, [&](std::size_t ready) {
                    EXPECT_EQ(std::isnan(gradients.get()[first]), ready > first && spoil != 0)
                        << "a bucket leaves with what is there now";
                  });
      return std::vector<float>(gradients.get(), gradients.get() + elements);
    };
    const std::vector<float> good = train(0);
    std::vector<float> spoilt = train(1);

    EXPECT_TRUE(std::isnan(spoilt[first])) << size << " samples";
    spoilt[first] = good[first];
    EXPECT_EQ(spoilt, good) << size << " samples";
  }
}

}  // namespace
}  // namespace annulus::trainer
