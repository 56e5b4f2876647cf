// Arithmetic for vectors against the standard library's.
#include "rich/detector/vector_math.hpp"

#include <gtest/gtest.h>

namespace annulus::rich {
namespace {

TEST(VectorMath, ArcTangentsAreRightAllAround) {
  for (const float radius : {1e-6f, 0.01f, 1.0f, 3e5f})
    for (int i = -4000; i <= 4000; ++i) {
      const double angle = i * (std::numbers::pi / 4000.5);
      const auto y = static_cast<float>(radius * std::sin(angle));
      const auto x = static_cast<float>(radius * std::cos(angle));

      const double exact = std::atan2(static_cast<double>(y), static_cast<double>(x));
      ASSERT_NEAR(vector_atan2(y, x), exact, 4e-7) << y << " " << x;
      ASSERT_NEAR(vector_atan2<true>(y, x), exact, 4e-7) << y << " " << x;
    }
}

TEST(VectorMath, ArcTangentOfNothingIsZero) {
  EXPECT_EQ(vector_atan2(0, 0), 0);
  EXPECT_EQ(vector_atan2(0, 1), 0);
}

}  // namespace
}  // namespace annulus::rich
