// See outcome_matchers.hpp.
#include "tests/support/outcome_matchers.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/tensor_matchers.hpp"

namespace annulus::test {
namespace {

double kernel_norm(const ShardOutcome& outcome, std::size_t layer) {
  double squares = 0;
  for (const float value : outcome.gradients[layer][0]) squares += value * value;
  return std::sqrt(squares);
}

}  // namespace

void expect_equal_outcomes(const trainer::Network& network, const ShardOutcome& actual,
                           const ShardOutcome& expected, double tolerance) {
  EXPECT_NEAR(actual.loss, expected.loss, tolerance * std::abs(expected.loss));
  EXPECT_EQ(actual.samples, expected.samples);
  for (std::size_t layer = 0; layer < network.layers.size(); ++layer)
    for (std::size_t i = 0; i < network.layers[layer].parameters.size(); ++i) {
      SCOPED_TRACE(network.layers[layer].name + "/" + network.layers[layer].parameters[i].name);
      EXPECT_TENSOR_NEAR(actual.gradients[layer][i], expected.gradients[layer][i], .norm = tolerance,
                         .absolute = tolerance * kernel_norm(expected, layer));
    }
}

}  // namespace annulus::test
