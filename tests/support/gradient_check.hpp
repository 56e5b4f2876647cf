// Compares the gradients that a replica reports with differences of its own loss.
#pragma once

#include <gtest/gtest.h>

#include "tests/support/replica_harness.hpp"

namespace annulus::test {

struct GradientCheckOptions {
  int elements = 24;  ///< tried per parameter tensor, spread over it; all when it has no more
  /// Distance of the outermost of the five points. The loss comes back as float: below 8 it is off by at most
  /// 2.4e-7, so a slope by at most 4e-5 at this step (8e-5 at half of it); the formula itself errs by
  /// step^4 / 480 times the fifth derivative (3e-10 times it).
  double step = 0.02;
  double absolute = 2e-4;  ///< allowed difference of the slopes: twice that rounding ...
  double relative = 2e-3;  ///< ... plus relative, for the parameters' own rounding and sharp curvature
  /// An element that fails is left out when its slopes at `step` and at half of it disagree by more than
  /// `absolute`, which rounding cannot do: a kink of relu or max pooling lies between. At least this share of
  /// all must remain.
  double smooth_share = 0.7;
};

/// @pre the replica computes in double (the reference), so that its loss has no noise of its own, or the
/// options allow for the noise The message names layer, parameter and index with both slopes.
testing::AssertionResult gradients_match_differences(trainer::Replica& replica, ParameterValues parameters,
                                                     const Samples& samples,
                                                     const GradientCheckOptions& options = {});

}  // namespace annulus::test
