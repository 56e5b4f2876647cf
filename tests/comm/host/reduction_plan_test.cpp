// Plans of the reduction: who is added to whom, in which buffers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "comm/cuda/add_body.hpp"
#include "comm/cuda/note_body.hpp"
#include "comm/cuda/pairwise_body.hpp"
#include "comm/host/local_plan.hpp"
#include "comm/host/runs.hpp"
#include "comm/host/tree_staging.hpp"
#include "tests/comm/host/reducer_oracle.hpp"

namespace annulus::comm {
namespace {

using Merges = std::vector<LocalPlan::Merge>;

TEST(LocalPlan, UsesOneBufferALevelOfTheTree) {
  const LocalPlan plan = make_local_plan(8, {0, 8});

  EXPECT_EQ(plan.buffers, 4u);  // three levels wait for their right child while the fourth is filled
  EXPECT_THAT(plan.shard_buffers, testing::ElementsAre(0, 1, 1, 2, 1, 2, 2, 3));
  EXPECT_THAT(plan.merges[7],
              testing::ElementsAre(LocalPlan::Merge{2, 3}, LocalPlan::Merge{1, 2}, LocalPlan::Merge{0, 1}));
  EXPECT_THAT(plan.merges[6], testing::IsEmpty());
  EXPECT_THAT(plan.node_buffers, testing::ElementsAre(0));
}

TEST(LocalPlan, KeepsTheNodesOfAnUnalignedShareApart) {
  const LocalPlan plan = make_local_plan(6, {3, 6});  // nodes {3} and {4, 5}

  EXPECT_THAT(plan.nodes, testing::ElementsAre(ShardRange{3, 4}, ShardRange{4, 6}));
  EXPECT_THAT(plan.shard_buffers, testing::ElementsAre(0, 1, 2));
  EXPECT_THAT(plan.merges, testing::ElementsAre(Merges{}, Merges{}, Merges{{1, 2}}));
  EXPECT_THAT(plan.node_buffers, testing::ElementsAre(0, 1));
}

TEST(TreePlan, KnowsWhenNodesPairUp) {
  EXPECT_TRUE(pairs_up(make_tree_plan(8, 8)));
  EXPECT_TRUE(pairs_up(make_tree_plan(32, 4)));
  EXPECT_FALSE(pairs_up(make_tree_plan(3, 3)));
  EXPECT_FALSE(pairs_up(make_tree_plan(12, 4))) << "shares of three shards are not nodes of the tree";
}

TEST(TreePlan, AddsInTheOrderOfTheTree) {
  const TreePlan plan = make_tree_plan(3, 3);

  EXPECT_THAT(plan.additions, testing::ElementsAre(Addition{0, 1}, Addition{0, 2}));
  EXPECT_EQ(plan.first_node(2), 2u);
  EXPECT_EQ(plan.nodes_of(2), 1u);
}

TEST(Runs, PartsCoverARunOnce) {
  for (const std::size_t length : {1u, 15u, 16u, 17u, 100u, 1024u}) {
    const comm::Run run{0, 7, 7 + length};
    std::size_t end = run.begin;
    for (int rank = 0; rank < 3; ++rank) {
      const Bucket part = part_of_run(run, rank, 3);
      EXPECT_EQ(part.begin, end);
      end = part.end;
    }
    EXPECT_EQ(end, run.end);
  }
}

TEST(TreeStaging, GivesEveryOtherNodeAPlaceOfItsOwn) {
  constexpr std::size_t kPart = 10;
  const TreePlan plan = make_tree_plan(12, 4);  // three shards a rank: two nodes each
  for (int rank = 0; rank < 4; ++rank) {
    const TreeStaging staging(plan, rank, kPart);
    std::vector<float> memory(staging.elements());
    std::size_t next = 0;

    for (std::size_t node = 0; node < plan.nodes.size(); ++node) {
      const bool own = plan.first_node(rank) <= node && node < plan.first_node(rank + 1);
      ASSERT_EQ(staging.is_own(node), own) << "rank " << rank << ", node " << node;
      if (own) continue;
      EXPECT_EQ(staging.place(memory.data(), node) - memory.data(), static_cast<std::ptrdiff_t>(next));
      next += kPart;
    }

    EXPECT_EQ(next, staging.elements());
    EXPECT_EQ(next, (plan.nodes.size() - plan.nodes_of(rank)) * kPart);
  }
}

/// @param shift  of the operands, in floats, from where four of them are read at once
template <int kOperands>
void expect_tree_bits(std::size_t count, std::size_t shift) {
  std::vector<std::vector<float>> values(kOperands, std::vector<float>(count + shift));
  PairwiseBody<kOperands> body{};
  for (int shard = 0; shard < kOperands; ++shard) {
    for (std::size_t i = 0; i < count; ++i) values[shard][shift + i] = test::awkward_value(5, shard, i);
    body.operands[shard] = values[shard].data() + shift;
  }
  body.sum = values[0].data() + shift;  // as on the device, where the result replaces an operand
  body.count = static_cast<std::int64_t>(count);
  EXPECT_EQ(body.indices(), static_cast<std::int64_t>(shift == 0 ? (count + 3) / 4 : count));

  for (std::int64_t i = 0; i < body.indices(); ++i) body(i);

  const std::vector<float> sum(values[0].begin() + static_cast<std::ptrdiff_t>(shift), values[0].end());
  EXPECT_EQ(test::wrong_bits(sum, 5, kOperands), 0u) << kOperands << " operands";
}

TEST(ReductionBodies, PairwiseSumHasTheBitsOfTheTree) {
  for (const std::size_t count : {1, 500, 503})
    for (const std::size_t shift : {0, 1}) {
      expect_tree_bits<2>(count, shift);
      expect_tree_bits<4>(count, shift);
      expect_tree_bits<8>(count, shift);
      expect_tree_bits<16>(count, shift);
    }
}

TEST(ReductionBodies, AdditionTakesEachElementOnceWhereverItLies) {
  for (const std::size_t count : {1, 4, 7, 64})
    for (const std::size_t shift : {0, 1, 2}) {
      std::vector<float> left(count + 8, 1.5f), right(count + 8, 0.25f), sum(count + 8, -1.0f);
      for (std::size_t i = 0; i < count; ++i) right[shift + i] = static_cast<float>(i);
      const AddBody body{.sum = sum.data() + shift,
                         .left = left.data(),
                         .right = right.data() + shift,
                         .count = static_cast<std::int64_t>(count)};

      for (std::int64_t i = body.indices(); i-- > 0;) body(i);

      for (std::size_t i = 0; i < sum.size(); ++i)
        EXPECT_EQ(sum[i], i < shift || i >= shift + count ? -1.0f : 1.5f + static_cast<float>(i - shift))
            << "element " << i << " of " << count << " at " << shift;
    }
}

TEST(ReductionBodies, AdditionMayReplaceAnOperand) {
  std::vector<float> left{1, 2, 3};
  const std::vector<float> right{10, 20, 30};

  const AddBody body{.sum = left.data(), .left = left.data(), .right = right.data(), .count = 3};
  for (std::int64_t i = 0; i < body.indices(); ++i) body(i);

  EXPECT_THAT(left, testing::ElementsAre(11, 22, 33));
}

TEST(ReductionBodies, ANoteIsWritten) {
  int place = 0;

  NoteBody{.place = &place, .value = 7}(0);

  EXPECT_EQ(place, 7);
}

}  // namespace
}  // namespace annulus::comm
