// Random test data that is the same on every machine.
#pragma once

#include <cstdint>
#include <vector>

namespace annulus::test {

/// Uniform in [-1, 1). Different seeds give independent values.
std::vector<float> random_floats(std::size_t count, std::uint64_t seed);

/// Uniform in [0, classes).
std::vector<std::int32_t> random_labels(std::size_t count, std::int64_t classes, std::uint64_t seed);

}  // namespace annulus::test
