// Text forms and sizes of shapes.
#include "base/shape.hpp"

#include <gtest/gtest.h>

namespace annulus {
namespace {

TEST(SampleShape, PrintsAsInTheSummaryTable) {
  EXPECT_EQ(to_string({.height = 32, .width = 24, .channels = 3}), "32, 24, 3");
  EXPECT_EQ(to_string({.channels = 256, .flat = true}), "256");
}

TEST(SampleShape, TellsVectorsFromImagesOfOnePixel) {
  const SampleShape image{.channels = 7};
  const SampleShape vector{.channels = 7, .flat = true};

  EXPECT_EQ(image.size(), vector.size());
  EXPECT_NE(image, vector);
}

TEST(ElementCount, MultipliesExtents) {
  EXPECT_EQ(element_count({}), 1);
  EXPECT_EQ(element_count({3, 3, 16, 32}), 4608);
  EXPECT_EQ(element_count({65536, 65536}), std::int64_t{1} << 32);
}

}  // namespace
}  // namespace annulus
