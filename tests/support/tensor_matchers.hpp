// Comparison of whole tensors that says where and how much they differ.
#pragma once

#include <gtest/gtest.h>

#include <span>
#include <vector>

namespace annulus::test {

/// Largest allowed differences.
struct Tolerance {
  double norm = 0;      ///< |actual - expected| <= norm * |expected| (2-norms)
  double max = 0;       ///< largest |difference| <= max * largest |expected|; 0: ten times `norm`
  double absolute = 0;  ///< added to both bounds: for tensors that are small because large terms cancel
};

/// Equal sizes, no NaN, and both differences within the tolerance. The message names the worst element.
testing::AssertionResult tensors_near(std::span<const double> actual, std::span<const double> expected,
                                      const Tolerance& tolerance);
testing::AssertionResult tensors_near(std::span<const float> actual, std::span<const float> expected,
                                      const Tolerance& tolerance);

/// |actual - expected| / |expected| in the 2-norm; 0 when both are zero.
double relative_error(std::span<const float> actual, std::span<const float> expected);

}  // namespace annulus::test

#define EXPECT_TENSOR_NEAR(actual, expected, ...) \
  EXPECT_TRUE(::annulus::test::tensors_near(actual, expected, ::annulus::test::Tolerance{__VA_ARGS__}))
#define ASSERT_TENSOR_NEAR(actual, expected, ...) \
  ASSERT_TRUE(::annulus::test::tensors_near(actual, expected, ::annulus::test::Tolerance{__VA_ARGS__}))
