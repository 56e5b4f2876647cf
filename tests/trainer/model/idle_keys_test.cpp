// Keys without effect are refused with a way to go on, and never in what the program itself wrote.
#include "trainer/model/idle_keys.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>

#include "base/error.hpp"
#include "tests/trainer/temporary_directory.hpp"

namespace annulus::trainer {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

using Overrides = std::vector<std::string>;

/// Lines are counted from the first of these.
const std::string kSmall = R"(name: small
optimizer:
  kind: sgd
  momentum: 0.9
  nesterov: true
network: {input: [8, 8, 3], layers: [flatten, dense: 10, softmax]}
)";

Config read(const Overrides& overrides, const std::string& yaml = kSmall) {
  return parse_config(yaml, "a.yaml", overrides).config;
}

std::string message_of(const Overrides& overrides) {
  try {
    read(overrides);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "nothing was thrown";
}

/// What an older version would have stored: values for keys that the kind does not use.
std::string old_copy() {
  std::string yaml = read({}).yaml;
  return yaml.replace(yaml.find("kind: sgd"), 9, "kind: adam");
}

TEST(IdleKeys, AreRefusedWithPlaceAndReason) {
  EXPECT_THAT(message_of({"optimizer.trust_coefficient=0.5"}),
              HasSubstr("command line: optimizer.trust_coefficient = 0.5 has no effect: trust_coefficient is "
                        "for lars, and optimizer.kind is sgd (a.yaml:3). Remove it."));
  EXPECT_THAT(message_of({"schedule.gamma=0.3"}),
              HasSubstr("gamma is for step, and schedule.kind is constant (the default)"));
  EXPECT_THAT(
      message_of({"schedule.kind=step", "schedule.final_fraction=0.3"}),
      HasSubstr("final_fraction is for cosine and one_cycle, and schedule.kind is step (command line)"));
}

TEST(IdleKeys, AreNamedAllAtOnceWithAnAdviceThatWorks) {
  const std::string message = message_of({"optimizer.kind=adam"});
  EXPECT_THAT(message,
              AllOf(HasSubstr("a.yaml:4: optimizer.momentum = 0.9 has no effect"),
                    HasSubstr("a.yaml:5: optimizer.nesterov = true has no effect: nesterov is for sgd")));

  Overrides overrides{"optimizer.kind=adam"};
  const std::regex advice("[a-z.]+=null");
  for (std::sregex_iterator at(message.begin(), message.end(), advice), end; at != end; ++at)
    overrides.push_back(at->str());

  EXPECT_EQ(overrides.size(), 3U);
  EXPECT_EQ(read(overrides).optimizer.momentum, OptimizerConfig{}.momentum);
}

TEST(IdleKeys, MayHaveTheirDefaults) {
  EXPECT_EQ(read({"optimizer.kind=adam", "optimizer.momentum=0", "optimizer.nesterov=false"}).optimizer.kind,
            OptimizerKind::adam);
}

TEST(IdleKeys, AreNotFoundInWhatTheProgramWrites) {
  const Overrides drop{"optimizer.momentum=null", "optimizer.nesterov=null"};
  for (const std::string& optimizer : words_list<OptimizerKind>()) {
    for (const std::string& schedule : words_list<ScheduleKind>()) {
      Overrides overrides = drop;
      overrides.insert(overrides.end(), {"optimizer.kind=" + optimizer, "schedule.kind=" + schedule});
      const std::string yaml = read(overrides).yaml;

      EXPECT_EQ(read({}, yaml).yaml, yaml) << optimizer << ", " << schedule;
    }
  }
}

TEST(IdleKeys, TablesNameKeysThatThereAre) {
  std::vector<std::string> keys;
  for (const Origin& value : config_values(Config{})) keys.push_back(value.key);

  const auto expect = [&](const std::string& group, const KindKeys& used) {
    for (const std::string_view key : used) {
      if (key.empty()) continue;
      EXPECT_THAT(keys, testing::Contains(group + std::string(key)));
    }
  };
  for (const OptimizerRow& row : kOptimizers) expect("optimizer.", row.keys);
  for (const ScheduleRow& row : kSchedules) expect("schedule.", row.keys);
}

struct RefinedKey {
  const char* alone;  ///< refused
  const char* with;   ///< what it refines, switched off on purpose
};
class Refinements : public testing::TestWithParam<RefinedKey> {};

TEST_P(Refinements, NeedWhatTheyRefine) {
  EXPECT_THAT(message_of({GetParam().alone}), HasSubstr("has no effect: it only refines "));
  EXPECT_EQ(message_of({GetParam().alone, GetParam().with}), "nothing was thrown");
}

INSTANTIATE_TEST_SUITE_P(
    All, Refinements,
    testing::Values(RefinedKey{"augmentation.fill_mode=wrap", "augmentation.zoom_range=0"},
                    RefinedKey{"augmentation.constant_value=3", "augmentation.crop_padding=0"},
                    RefinedKey{"augmentation.crop_fill_mode=wrap", "augmentation.crop_padding=0"},
                    RefinedKey{"early_stopping.minimum_improvement=0.1", "early_stopping.patience=0"},
                    RefinedKey{"anomaly.spike_window=8", "anomaly.spike_factor=0"},
                    RefinedKey{"anomaly.skip_limit=8", "anomaly.policy=stop"},
                    RefinedKey{"anomaly.rollback_limit=8", "anomaly.policy=stop"},
                    RefinedKey{"anomaly.rollback_steps=8", "anomaly.policy=stop"}));

TEST(IdleKeys, OfStoredCopiesCountAsNotGiven) {
  const Config config = parse_stored_config(old_copy(), "config.yaml").config;

  EXPECT_EQ(config.optimizer.kind, OptimizerKind::adam);
  EXPECT_EQ(config.optimizer.momentum, OptimizerConfig{}.momentum);
  const Config now = read({"optimizer.kind=adam", "optimizer.momentum=null", "optimizer.nesterov=null"});
  EXPECT_THAT(numeric_differences(config, now), IsEmpty());
  EXPECT_THROW(parse_stored_config(old_copy(), "config.yaml", {"schedule.gamma=0.3"}), UsageError);
}

TEST(IdleKeys, AreRefusedInFilesButForThoseOfRuns) {
  const TemporaryDirectory run;
  const std::string path = run.path() + "/config.yaml";
  std::ofstream(path) << old_copy();

  EXPECT_THROW(load_config(path), UsageError);
  std::filesystem::create_directory(run.path() + "/checkpoints");
  EXPECT_EQ(load_config(path).config.optimizer.kind, OptimizerKind::adam);
}

TEST(DroppedKeys, AreAsIfTheyWereNotThere) {
  const LoadedConfig loaded =
      parse_config(kSmall, "a.yaml", {"optimizer.momentum=null", "optimizer.nesterov=~", "name=null"});

  EXPECT_EQ(loaded.config.optimizer.momentum, 0);
  EXPECT_EQ(loaded.config.name, Config{}.name);
  for (const Origin& origin : loaded.origins) {
    if (!origin.key.starts_with("optimizer.") || origin.key == "optimizer.kind") continue;
    EXPECT_EQ(origin.origin, "default") << origin.key;
  }
  EXPECT_EQ(read({"optimizer=null"}).optimizer.momentum, 0);
  EXPECT_EQ(read({"optimizer.kind=null"}).optimizer.kind, OptimizerConfig{}.kind);
  EXPECT_EQ(read({"optimizer.beta1=null"}).optimizer.beta1, OptimizerConfig{}.beta1);  // was not there
  EXPECT_THAT(
      read({"data.generator=rich", "data.rich={tracks: 4, size: 12}", "data.rich.size=null"}).data.rich,
      testing::ElementsAre(testing::Pair("tracks", "4")));
}

TEST(DroppedKeys, AreNoWayAroundTheChecks) {
  EXPECT_THAT(message_of({"optimizer.momentun=null"}), HasSubstr("Did you mean momentum?"));
  for (const char* forgotten : {"optimizer.momentum=", "optimizer.momentum= ", "optimizer.momentum=#"})
    EXPECT_THAT(message_of({forgotten}), HasSubstr("optimizer.momentum has no value")) << forgotten;
  const std::string in_file = std::regex_replace(kSmall, std::regex("0.9"), "null");
  EXPECT_THROW(read({}, in_file), UsageError);
}

}  // namespace
}  // namespace annulus::trainer
