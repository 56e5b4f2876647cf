// What --allow-change lets through: a key, or all keys of a group, and nothing that only begins alike.
#include <gmock/gmock.h>

#include "trainer/run/resume_rules.hpp"

namespace annulus::trainer {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(ResumeRules, AWordAllowsAKeyOrAGroupOfKeys) {
  EXPECT_TRUE(allows({"seed", "data"}, "data.path"));
  EXPECT_TRUE(allows({"data.path"}, "data.path"));
  EXPECT_TRUE(allows({"network"}, "network.layers.0.dense.units"));

  EXPECT_FALSE(allows({}, "seed"));
  EXPECT_FALSE(allows({"data"}, "database.path"));
  EXPECT_FALSE(allows({"data.validation"}, "data.validation_fraction"));
  EXPECT_FALSE(allows({"data.path"}, "data"));
}

TEST(ResumeRules, AKeyDoesNotAllowOthersThatBeginAlike) {
  const auto config_with = [](const std::vector<std::string>& overrides) {
    return parse_config(
               "data: {path: some.h5}\nnetwork: {input: [2, 2, 1], layers: [flatten, dense: 2, softmax]}\n",
               "test.yaml", overrides)
        .config;
  };
  const Config now = config_with({"data.validation=test"});
  ResumeRules rules(now, {"data.validation"});

  rules.compare_config(config_with({"data.validation_fraction=0.25"}).yaml, "run/config.yaml");

  EXPECT_THAT(rules.refused(), ElementsAre(HasSubstr("data.validation_fraction: 0.25 there, 0 now")));
}

}  // namespace
}  // namespace annulus::trainer
