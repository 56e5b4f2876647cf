// Networks on which backends are compared with the reference: one for each layer and shape that may be
// planned differently, and small versions of the networks that users train.
#pragma once

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

/// Odd sizes, channel counts beside multiples of 16, every operation of network.hpp.
std::vector<OracleNetwork> oracle_networks();

}  // namespace annulus::test
