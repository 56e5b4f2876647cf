// When the rank's own part of a sum may be sent.
#include <gtest/gtest.h>

#include <algorithm>

#include "comm/host/local_sum.hpp"

namespace annulus::comm {
namespace {

TEST(LocalSum, ABucketIsReadyWhenAllNodesOfTheRankAre) {
  // Shards 1 to 3 of four: the nodes [1, 2) and [2, 4).
  LocalSum local({.elements = 8, .buckets = {{0, 4}, {4, 8}}, .shards = 4}, {1, 4});
  ASSERT_EQ(local.nodes().size(), 2u);
  for (std::int64_t shard = 1; shard < 4; ++shard) std::ranges::fill(local.begin_shard(shard), 1.0f);

  local.bucket_ready(1, 0);
  EXPECT_FALSE(local.ready(0));
  local.bucket_ready(2, 0);
  EXPECT_FALSE(local.ready(0));
  local.bucket_ready(3, 0);
  EXPECT_TRUE(local.ready(0));
  EXPECT_FALSE(local.ready(1));
}

}  // namespace
}  // namespace annulus::comm
