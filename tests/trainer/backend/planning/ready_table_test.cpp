// Which gradients are final after the backward of each step.
#include "trainer/backend/planning/ready_table.hpp"

#include <gmock/gmock.h>

namespace annulus::trainer {
namespace {

using testing::ElementsAre;

TEST(ReadyTable, ALayerIsFinalWithItsLastStepBackward) {
  // Layer 3's kernel and bias, then layer 1's kernel; no averages, so gradients start behind the head.
  const ArenaLayout layout{.trainable = {{.layer = 3, .parameter = 0, .offset = 0, .count = 20},
                                         {.layer = 3, .parameter = 1, .offset = 32, .count = 2},
                                         {.layer = 1, .parameter = 0, .offset = 48, .count = 5}},
                           .trainable_count = 64};

  // Two steps of layer 1 and of layer 3, and layers without parameters between and behind them.
  EXPECT_THAT(ready_table(layout, {0, 1, 1, 2, 3, 3, 4}),
              ElementsAre(0, kGradientHead + 64, 0, 0, kGradientHead + 48, 0, 0));
}

TEST(ReadyTable, GradientsComeBehindTheStatistics) {
  const ArenaLayout layout{.trainable = {{.layer = 0, .parameter = 0, .offset = 0, .count = 16}},
                           .trainable_count = 16,
                           .statistics = {{.layer = 0, .parameter = 2, .offset = 0, .count = 17}},
                           .statistics_count = 17};

  EXPECT_THAT(ready_table(layout, {0}), ElementsAre(kGradientHead + 32 + 16));
}

}  // namespace
}  // namespace annulus::trainer
