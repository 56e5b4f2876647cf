// Buffers that live at one time do not overlap, others share.
#include "trainer/backend/planning/memory_plan.hpp"

#include <gtest/gtest.h>

#include "base/random.hpp"

namespace annulus::trainer {
namespace {

TEST(MemoryPlan, DisjointLivesShareMemory) {
  MemoryPlan plan(256);
  const BufferId first = plan.buffer(1000), second = plan.buffer(1000);
  plan.use(first, Pass::forward);
  plan.next_step();
  plan.use(second, Pass::forward);

  EXPECT_EQ(plan.lay_out(), 1024u);
  EXPECT_EQ(plan.offset(first), plan.offset(second));
}

TEST(MemoryPlan, BuffersAreAsLargeAsTheirLargestUseAndAligned) {
  MemoryPlan plan(64);
  const BufferId grown = plan.buffer(), other = plan.buffer(10);
  plan.use(grown, Pass::forward, 65);
  plan.use(grown, Pass::forward, 3);
  plan.use(other, Pass::forward);

  EXPECT_EQ(plan.lay_out(), 192u);
  EXPECT_EQ(plan.offset(grown), 0u);
  EXPECT_EQ(plan.offset(other), 128u);
}

TEST(MemoryPlan, BackwardRunsTheStepsInReverse) {
  MemoryPlan plan(256);
  const BufferId kept = plan.buffer(256), later = plan.buffer(256);
  plan.use(kept, Pass::forward);
  plan.use(kept, Pass::backward);  // of step 0: the very last
  plan.next_step();
  plan.use(later, Pass::backward);

  EXPECT_EQ(plan.lay_out(), 512u);
  EXPECT_NE(plan.offset(kept), plan.offset(later));
}

TEST(MemoryPlan, NothingAliveOverlaps) {
  struct Life {
    BufferId id;
    std::size_t bytes;
    int first, last;
  };
  constexpr int kSteps = 12;
  RandomStream stream(3, Purpose::test, 0, 0);
  for (int round = 0; round < 20; ++round) {
    MemoryPlan plan(256);
    std::vector<Life> lives;
    std::size_t together = 0;
    for (int i = 0; i < 40; ++i) {
      const int first = static_cast<int>(stream.next() % kSteps);
      const int last = std::min(kSteps - 1, first + static_cast<int>(stream.next() % 4));
      const std::size_t bytes = 1 + stream.next() % 5000;
      lives.push_back({plan.buffer(bytes), bytes, first, last});
      together += (bytes + 255) / 256 * 256;
    }
    for (int step = 0; step < kSteps; ++step) {
      for (const Life& life : lives)
        if (life.first == step || life.last == step) plan.use(life.id, Pass::forward);
      plan.next_step();
    }

    const std::size_t total = plan.lay_out();

    EXPECT_LT(total, together);
    for (const Life& a : lives) {
      EXPECT_EQ(plan.offset(a.id) % 256, 0u);
      EXPECT_LE(plan.offset(a.id) + a.bytes, total);
      for (const Life& b : lives) {
        if (a.id == b.id || a.last < b.first || b.last < a.first) continue;
        EXPECT_TRUE(plan.offset(a.id) + a.bytes <= plan.offset(b.id) ||
                    plan.offset(b.id) + b.bytes <= plan.offset(a.id));
      }
    }
  }
}

}  // namespace
}  // namespace annulus::trainer
