// Concat and circular padding, worked out by hand.
#include <gmock/gmock.h>

#include "tests/trainer/backend/reference/kernel_harness.hpp"

namespace annulus::trainer::reference {
namespace {

using testing::ElementsAre;

TEST(ReferenceConcat, JoinsTheRowsOfEverySample) {
  const Network network = NetworkBuilder({.height = 1, .width = 1, .channels = 2})
                              .vector_input({"track", 1})
                              .flatten()
                              .add(Concat{}, {.inputs = {"track", "flatten"}})
                              .build();
  KernelHarness layer(network, {{1, 2}, {10, 20, 30, 40}});  // two samples

  EXPECT_THAT(layer.forward(), ElementsAre(1, 10, 20, 2, 30, 40));
  EXPECT_THAT(layer.backward({5, 6, 7, 50, 60, 70}),
              ElementsAre(ElementsAre(5, 50), ElementsAre(6, 7, 60, 70)));
}

TEST(ReferenceCircularPad, GoesOnAtTheOppositeEdge) {
  const Network network = NetworkBuilder({.height = 2, .width = 3, .channels = 1})
                              .add(CircularPad{.height = 1, .width = 2})
                              .build();
  KernelHarness layer(network, {{1, 2, 3,  //
                                 4, 5, 6}});

  EXPECT_THAT(layer.forward(), ElementsAre(5, 6, 4, 5, 6, 4, 5,  //
                                           2, 3, 1, 2, 3, 1, 2,  //
                                           5, 6, 4, 5, 6, 4, 5,  //
                                           2, 3, 1, 2, 3, 1, 2));
  // A pixel gets what all of its copies get: 1 is there twice in two rows, 2 three times.
  EXPECT_THAT(layer.backward(Tensor(28, 1.0))[0], ElementsAre(4, 6, 4, 4, 6, 4));
}

TEST(ReferenceCircularPad, MovesPixelsWhole) {
  const Network network =
      NetworkBuilder({.height = 1, .width = 2, .channels = 2}).add(CircularPad{.width = 1}).build();
  KernelHarness layer(network, {{1, 2, 3, 4, 5, 6, 7, 8}});  // two samples

  EXPECT_THAT(layer.forward(), ElementsAre(3, 4, 1, 2, 3, 4, 1, 2, 7, 8, 5, 6, 7, 8, 5, 6));
  EXPECT_THAT(layer.backward({1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 1, 1, 2, 2, 9, 9})[0],
              ElementsAre(10, 12, 6, 8, 10, 10, 2, 2));
}

}  // namespace
}  // namespace annulus::trainer::reference
