// Quarters as images and small whole numbers as weights: a forward pass through convolutions, dense layers,
// sums, ReLU and max pools rounds nothing, in float32, tf32 and bfloat16 alike. Every decision (which value a
// ReLU lets through, which one a max pool takes) is then the same in all of them, and gradients can be
// compared sharply.
#pragma once

#include <cstdint>

#include "tests/support/replica_harness.hpp"

namespace annulus::test {

/// Kernels with up to three taps of +1 or -1 for each filter; biases halfway between what the taps can add up
/// to, so that no sum is zero or near it. The last layer with parameters, behind which nothing decides, has
/// small random weights. Other parameters as random_parameters(), rounded to bfloat16. Exact through three
/// layers with kernels.
ParameterValues exact_parameters(const trainer::Network& network, std::uint64_t seed);

/// Images and vectors of quarters from -1/2 to 1/2; everything else as random_samples().
Samples exact_samples(const trainer::Network& network, std::int64_t n, std::uint64_t seed);

/// Nearest bfloat16.
float rounded_to_bfloat16(float value);

}  // namespace annulus::test
