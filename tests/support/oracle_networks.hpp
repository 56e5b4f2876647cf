// Networks on which backends are compared with the reference: one for each layer and shape that may be
// planned differently, and small versions of the networks that users train.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include "trainer/model/network.hpp"

namespace annulus::test {

struct OracleNetwork {
  std::string name;  ///< letters only: part of a test's name
  trainer::Network network;
};

void PrintTo(const OracleNetwork& which, std::ostream* out);

/// A network whose second layer, or the third, leaves rows and columns of the image over, behind a
/// convolution of single pixels without bias: the gradient of its kernel shows that of the image.
struct EdgeNetwork {
  std::string name;
  trainer::Network network;
  std::int64_t rows = 0, columns = 0;  ///< of the image, at the bottom and right, that nothing reads
};

void PrintTo(const EdgeNetwork& which, std::ostream* out);

/// Pools and convolutions that do not divide their input, planned in every way that a backend has.
std::vector<EdgeNetwork> edge_networks();

/// n samples that are zero but for what nothing reads.
std::vector<float> edge_images(const EdgeNetwork& which, std::int64_t n);

/// Odd sizes, channel counts beside multiples of 16, every operation of network.hpp.
std::vector<OracleNetwork> oracle_networks();

}  // namespace annulus::test
