// Comparison of what two replicas report of the same samples.
#pragma once

#include "tests/support/replica_harness.hpp"

namespace annulus::test {

/// Expects the losses to be equal to `tolerance`, the numbers of samples exactly, and every gradient to
/// `tolerance` of its norm, with room for what rounding leaves of one whose terms cancel, like that of a bias
/// before a batch norm: it is zero in exact arithmetic, so it is measured against the layer's kernel, whose
/// terms have about the same size.
void expect_equal_outcomes(const trainer::Network& network, const ShardOutcome& actual,
                           const ShardOutcome& expected, double tolerance);

}  // namespace annulus::test
