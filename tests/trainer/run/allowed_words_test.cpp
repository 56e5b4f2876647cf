// What --allow-change lets through: a key, or all keys of a group, and nothing that only begins alike.
#include <gtest/gtest.h>

#include "trainer/run/resume_rules.hpp"

namespace annulus::trainer {
namespace {

TEST(ResumeRules, AWordAllowsAKeyOrAGroupOfKeys) {
  EXPECT_TRUE(allows({"seed", "data"}, "data.path"));
  EXPECT_TRUE(allows({"data.path"}, "data.path"));
  EXPECT_TRUE(allows({"network"}, "network.layers.0.dense.units"));

  EXPECT_FALSE(allows({}, "seed"));
  EXPECT_FALSE(allows({"data"}, "database.path"));
  EXPECT_FALSE(allows({"data.validation"}, "data.validation_fraction"));
  EXPECT_FALSE(allows({"data.path"}, "data"));
}

}  // namespace
}  // namespace annulus::trainer
