// Properties of the tree: where it splits, who owns what, which nodes a rank can sum alone.
#include "comm/host/shard_tree.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

namespace annulus::comm {
namespace {

using testing::ElementsAre;

/// Whether a range is a node of the tree over all shards, by walking down from the root.
bool is_node(ShardRange root, ShardRange range) {
  while (root != range) {
    if (root.size() < 2) return false;
    const std::int64_t middle = split_point(root);
    root = range.begin < middle ? ShardRange{root.begin, middle} : ShardRange{middle, root.end};
  }
  return true;
}

TEST(ShardTree, SplitsAfterTheLargestPowerOfTwoBelowItsSize) {
  EXPECT_EQ(split_point({0, 2}), 1);
  EXPECT_EQ(split_point({0, 3}), 2);
  EXPECT_EQ(split_point({0, 4}), 2);
  EXPECT_EQ(split_point({0, 5}), 4);
  EXPECT_EQ(split_point({0, 8}), 4);
  EXPECT_EQ(split_point({0, 9}), 8);
  EXPECT_EQ(split_point({16, 24}), 20);
  EXPECT_THROW(split_point({3, 4}), std::logic_error);
}

TEST(ShardTree, RanksOwnConsecutiveEqualShares) {
  EXPECT_EQ(owned_shards(12, 0, 3), (ShardRange{0, 4}));
  EXPECT_EQ(owned_shards(12, 2, 3), (ShardRange{8, 12}));
  EXPECT_THROW(owned_shards(12, 0, 5), std::logic_error);
  EXPECT_THROW(owned_shards(12, 3, 3), std::logic_error);
  EXPECT_THROW(owned_shards(0, 0, 1), std::logic_error);
}

TEST(ShardTree, AlignedSharesAreOneNode) {
  EXPECT_THAT(maximal_nodes(8, {4, 8}), ElementsAre(ShardRange{4, 8}));
  EXPECT_THAT(maximal_nodes(24, {16, 24}), ElementsAre(ShardRange{16, 24}));
  EXPECT_THAT(maximal_nodes(7, {0, 7}), ElementsAre(ShardRange{0, 7}));
}

TEST(ShardTree, OtherSharesAreAFewNodes) {
  EXPECT_THAT(maximal_nodes(24, {6, 12}), ElementsAre(ShardRange{6, 8}, ShardRange{8, 12}));
  EXPECT_THAT(maximal_nodes(12, {3, 6}), ElementsAre(ShardRange{3, 4}, ShardRange{4, 6}));
  EXPECT_THROW(maximal_nodes(8, {4, 4}), std::logic_error);
  EXPECT_THROW(maximal_nodes(8, {4, 9}), std::logic_error);
}

TEST(ShardTree, MaximalNodesTileEveryShareAndCannotGrow) {
  for (std::int64_t shards = 1; shards <= 48; ++shards) {
    for (int ranks = 1; ranks <= shards; ++ranks) {
      if (shards % ranks != 0) continue;
      for (int rank = 0; rank < ranks; ++rank) {
        const ShardRange owned = owned_shards(shards, rank, ranks);
        const auto nodes = maximal_nodes(shards, owned);

        std::int64_t reached = owned.begin;
        for (std::size_t i = 0; i < nodes.size(); ++i) {
          ASSERT_EQ(nodes[i].begin, reached);
          ASSERT_TRUE(is_node({0, shards}, nodes[i]));
          if (i > 0) {
            ASSERT_FALSE(is_node({0, shards}, {nodes[i - 1].begin, nodes[i].end})) << "two nodes were one";
          }
          reached = nodes[i].end;
        }
        ASSERT_EQ(reached, owned.end) << shards << " shards, rank " << rank << " of " << ranks;
      }
    }
  }
}

}  // namespace
}  // namespace annulus::comm
