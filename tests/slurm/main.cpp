// Says why there is no cluster, and ends with the code that ctest takes for "skipped".
#include <gtest/gtest.h>

#include <cstdio>

#include "tests/slurm/cluster.hpp"

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (const std::string missing = annulus::test::missing_for_cluster(); !missing.empty()) {
    std::printf("skipped: %s\n", missing.c_str());
    return 77;
  }
  return RUN_ALL_TESTS();
}
