// What a checkpoint keeps of a configuration: all that makes the model, nothing of who computed it.
#include "trainer/model/config_writer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace annulus::trainer {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

Config config_with(const std::vector<std::string>& overrides) {
  return parse_config(R"(name: small
normalisation: {kind: given, mean: [1], deviation: [2]}
early_stopping: {patience: 3}
network: {input: [4, 4, 1], layers: [{conv2d: {filters: 2, kernel: 3}}, flatten, dense: 2, softmax]}
)",
                      "test.yaml", overrides)
      .config;
}

TEST(YamlOfModel, IsTheSameHoweverARunIsComputedAndSaved) {
  const std::string plain = yaml_of_model(config_with({}));

  for (const char* key :
       {"device.threads=3", "device.graph=false", "device.gpu_sharing=allow", "device.mixed=allow",
        "data.loader_threads=4", "data.gpu_mb=7", "bucket_kb=64", "checkpoint.every_epochs=0.5",
        "checkpoint.every_steps=5", "checkpoint.every_seconds=60", "checkpoint.keep_last=9",
        "checkpoint.keep_best=false", "checkpoint.keep_every_epochs=2", "checkpoint.keep_every_steps=4",
        "ledger.every_steps=7", "watchdog.factor=20", "debug=true"}) {
    const Config config = config_with({key});
    EXPECT_NE(config.yaml, config_with({}).yaml) << key;
    EXPECT_EQ(yaml_of_model(config), plain) << key;
  }
}

TEST(YamlOfModel, ReadsBackToTheSameModelAndTraining) {
  for (const std::vector<std::string>& overrides :
       {std::vector<std::string>{},
        {"seed=5", "batch.evaluation=8", "device.isa=avx2", "device.threads=3"}}) {
    const Config config = config_with(overrides);

    const Config back = parse_stored_config(yaml_of_model(config), "a checkpoint").config;

    EXPECT_THAT(numeric_differences(config, back), IsEmpty());
    EXPECT_EQ(yaml_of_model(back), yaml_of_model(config));
    EXPECT_EQ(back.early_stopping.patience, 3);
    EXPECT_EQ(back.batch.evaluation, config.batch.evaluation);
    EXPECT_EQ(back.device.isa, config.device.isa);
  }
}

TEST(YamlOfModel, HasNoGroupWithNothingInIt) {
  const std::string text = yaml_of_model(config_with({}));

  EXPECT_THAT(text, Not(HasSubstr("watchdog")));
  EXPECT_THAT(text, Not(HasSubstr("ledger")));
  EXPECT_THAT(config_with({}).yaml, HasSubstr("watchdog:\n"));
}

}  // namespace
}  // namespace annulus::trainer
