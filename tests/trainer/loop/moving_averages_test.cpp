// Moving averages of several layers, each with a share of its own.
#include <gtest/gtest.h>

#include "tests/trainer/fake_replica.hpp"
#include "trainer/loop/optimizer.hpp"

namespace annulus::trainer {
namespace {

/// Batch norms over two channels, one for each momentum.
Network norms(const std::vector<float>& momenta) {
  Network network;
  for (const float momentum : momenta) {
    Layer& layer = network.layers.emplace_back();
    layer.name = "norm_" + std::to_string(network.layers.size());
    layer.operation = BatchNorm{.momentum = momentum};
    layer.parameters = {{.name = "moving_mean", .extents = {2}, .trainable = false},
                        {.name = "moving_variance", .extents = {2}, .trainable = false}};
  }
  return network;
}

TEST(UpdateStatistics, MovesTheAveragesOfEachLayerByItsOwnMomentum) {
  FakeReplica replica(norms({0.75f, 0.5f, 0.0f}));
  ASSERT_EQ(replica.statistics().size(), 12u);
  std::ranges::fill(replica.statistics(), 1.0f);
  const std::vector<float> sums(12, 8.0f);  // of 4 samples: means of 2

  update_statistics(replica, sums, 4);

  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_FLOAT_EQ(replica.statistics()[i], 0.75f * 1 + 0.25f * 2);
    EXPECT_FLOAT_EQ(replica.statistics()[4 + i], 0.5f * 1 + 0.5f * 2);
    EXPECT_FLOAT_EQ(replica.statistics()[8 + i], 2.0f);
  }
}

}  // namespace
}  // namespace annulus::trainer
