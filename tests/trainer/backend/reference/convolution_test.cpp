// Convolution worked out by hand on small images.
#include "trainer/backend/reference/convolution.hpp"

#include <gmock/gmock.h>

#include "tests/trainer/backend/reference/kernel_harness.hpp"

namespace annulus::trainer::reference {
namespace {

using testing::ElementsAre;

const Tensor kCounting{1, 2, 3, 4, 5, 6, 7, 8, 9};  // 3x3, one channel

TEST(ReferenceConvolution, SumsProductsWithoutFlippingTheKernel) {
  const Network network = NetworkBuilder({.height = 3, .width = 3, .channels = 1})
                              .conv2d({.filters = 1, .kernel = {2, 2}})
                              .build();
  KernelHarness layer(network, {kCounting}, {{1, 2, 3, 4}, {0.5}});

  // Top left: 1*1 + 2*2 + 4*3 + 5*4 = 37, plus the bias; one pixel on adds 1+2+3+4 = 10, one row 30.
  EXPECT_THAT(layer.forward(), ElementsAre(37.5, 47.5, 67.5, 77.5));
  // dx: each pixel collects kernel values of the windows it lies in; with dy = 1 the middle sees all four.
  EXPECT_THAT(layer.backward({1, 1, 1, 1})[0], ElementsAre(1, 3, 2, 4, 10, 6, 3, 7, 4));
  // dkernel: sum of the pixels that each tap saw: 1+2+4+5, 2+3+5+6, 4+5+7+8, 5+6+8+9; dbias: 4.
  EXPECT_THAT(layer.node().parameter_gradients[0], ElementsAre(12, 16, 24, 28));
  EXPECT_THAT(layer.node().parameter_gradients[1], ElementsAre(4));
}

TEST(ReferenceConvolution, StridesAndPadsWithZeros) {
  const Network network = NetworkBuilder({.height = 3, .width = 3, .channels = 1})
                              .conv2d({.filters = 1,
                                       .kernel = {3, 3},
                                       .stride = {2, 2},
                                       .padding = {.top = 1, .bottom = 1, .left = 1, .right = 1},
                                       .bias = false})
                              .build();
  KernelHarness layer(network, {kCounting}, {{0, 0, 0, 0, 1, 1, 0, 1, 0}});  // pixel, its right and its lower

  // Windows centred on 1, 3, 7, 9: 1+2+4, 3+0+6, 7+8+0, 9+0+0.
  EXPECT_THAT(layer.forward(), ElementsAre(7, 9, 15, 9));
  // dy = 1, 2, 3, 4 goes back to the same pixels: the centres, their right and their lower neighbours.
  EXPECT_THAT(layer.backward({1, 2, 3, 4})[0], ElementsAre(1, 1, 2, 1, 0, 2, 3, 3, 4));
}

TEST(ReferenceConvolution, PadsTheFourSidesApart) {
  const Network network = NetworkBuilder({.height = 1, .width = 2, .channels = 1})
                              .conv2d({.filters = 1,
                                       .kernel = {2, 2},
                                       .padding = {.top = 1, .bottom = 0, .left = 0, .right = 1},
                                       .bias = false})
                              .build();
  KernelHarness layer(network, {{5, 7}}, {{1, 10, 100, 1000}});

  // The upper row of the window lies in the padding: 100*5 + 1000*7, then 100*7 + 1000*0.
  EXPECT_THAT(layer.forward(), ElementsAre(7500, 700));
}

TEST(ReferenceConvolution, DilationSpreadsTheTaps) {
  const Network network = NetworkBuilder({.height = 3, .width = 3, .channels = 1})
                              .conv2d({.filters = 1, .kernel = {2, 2}, .dilation = {2, 2}, .bias = false})
                              .build();
  KernelHarness layer(network, {kCounting}, {{1, 10, 100, 1000}});

  // The corners: 1 + 10*3 + 100*7 + 1000*9.
  EXPECT_THAT(layer.forward(), ElementsAre(9731));
  EXPECT_THAT(layer.backward({2})[0], ElementsAre(2, 0, 20, 0, 0, 0, 200, 0, 2000));
}

TEST(ReferenceConvolution, GroupsSeeTheirOwnChannelsOnly) {
  const Network network = NetworkBuilder({.height = 1, .width = 1, .channels = 4})
                              .conv2d({.filters = 4, .groups = 2, .bias = false})
                              .build();
  // Kernel (1, 1, 2, 4): rows are the two channels of a group, columns the filters; filters 0 and 1 see
  // channels 0 and 1, filters 2 and 3 see channels 2 and 3.
  KernelHarness layer(network, {{1, 2, 3, 4}}, {{1, 2, 3, 4, 10, 20, 30, 40}});

  EXPECT_THAT(layer.forward(), ElementsAre(1 * 1 + 10 * 2, 2 * 1 + 20 * 2, 3 * 3 + 30 * 4, 4 * 3 + 40 * 4));
  EXPECT_THAT(layer.backward({1, 0, 0, 1})[0], ElementsAre(1, 10, 4, 40));
  EXPECT_THAT(layer.node().parameter_gradients[0], ElementsAre(1, 0, 0, 3, 2, 0, 0, 4));
}

TEST(ReferenceConvolution, SumsGradientsOverSamplesAndKeepsThemApart) {
  const Network network =
      NetworkBuilder({.height = 1, .width = 1, .channels = 1}).conv2d({.filters = 2}).build();
  KernelHarness layer(network, {{2, 3}}, {{10, 20}, {1, 2}});  // two samples, two filters

  EXPECT_THAT(layer.forward(), ElementsAre(21, 42, 31, 62));
  EXPECT_THAT(layer.backward({1, 2, 3, 4})[0], ElementsAre(10 + 40, 30 + 80));
  EXPECT_THAT(layer.node().parameter_gradients[0], ElementsAre(2 * 1 + 3 * 3, 2 * 2 + 3 * 4));
  EXPECT_THAT(layer.node().parameter_gradients[1], ElementsAre(4, 6));
}

}  // namespace
}  // namespace annulus::trainer::reference
