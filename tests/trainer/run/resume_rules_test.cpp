// What may differ when a run goes on, and how what may not is named.
#include "trainer/run/resume_rules.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "tests/support/pattern_source.hpp"
#include "tests/trainer/temporary_directory.hpp"
#include "trainer/backend/contract/replica.hpp"

namespace annulus::trainer {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Config config_with(const std::vector<std::string>& overrides) {
  return parse_config(R"(data: {path: some.h5}
network: {input: [2, 2, 1], layers: [flatten, dense: 2, softmax]}
)",
                      "test.yaml", overrides)
      .config;
}

const CheckpointInfo kThen{
    .step = 5, .dataset = "9 samples of (1, 1, 1), 2 classes, content 01", .device = "cpu"};

TEST(ResumeRules, FreeKeysAreNeitherRefusedNorReported) {
  const Config now = config_with({"device.threads=3", "checkpoint.keep_last=9", "ledger.every_steps=7"});
  ResumeRules rules(now, {});

  rules.compare_config(config_with({}).yaml, "run/config.yaml");
  rules.compare_origin(kThen, kThen);

  rules.require("the run");
  EXPECT_THAT(rules.allowed(), IsEmpty());
}

TEST(ResumeRules, NameKeyOldAndNewValue) {
  const Config now = config_with({"seed=5", "batch.size=64"});
  ResumeRules rules(now, {});

  rules.compare_config(config_with({"seed=4"}).yaml, "run/config.yaml");

  EXPECT_THAT(message_of<UsageError>([&] { rules.require("the run"); }),
              AllOf(HasSubstr("the run was made otherwise"), HasSubstr("seed: 4 there, 5 now"),
                    HasSubstr("batch.size: "), HasSubstr("64 now"), HasSubstr("--allow-change")));
}

TEST(ResumeRules, AllowKeysAndGroupsOfKeys) {
  const Config now = config_with({"seed=5", "optimizer.momentum=0.5", "optimizer.learning_rate=0.5"});
  ResumeRules rules(now, {"optimizer"});

  rules.compare_config(config_with({}).yaml, "run/config.yaml");
  rules.compare_config(config_with({}).yaml, "run/config.yaml");  // asked twice, reported once

  EXPECT_EQ(rules.allowed().size(), 2u);
  EXPECT_THAT(rules.refused(), testing::Each(HasSubstr("seed")));
}

TEST(ResumeRules, AdviseWhatAllowsTheChange) {
  const Config now = config_with({"seed=5", "optimizer.learning_rate=0.5"});
  ResumeRules rules(now, {});

  rules.compare_config(config_with({}).yaml, "run/config.yaml");

  const std::string message = message_of<UsageError>([&] { rules.require("the run"); });
  EXPECT_THAT(message, HasSubstr("--allow-change seed,optimizer.learning_rate."));
  ResumeRules allowing(now, {"seed", "optimizer.learning_rate"});
  allowing.compare_config(config_with({}).yaml, "run/config.yaml");
  EXPECT_EQ(message_of<UsageError>([&] { allowing.require("the run"); }), "");
}

TEST(ResumeRules, NoWordAllowsANetworkThatTheWeightsDoNotFit) {
  const Config then = config_with({});
  const Config now = parse_config(R"(data: {path: some.h5}
network: {input: [2, 2, 1], layers: [flatten, dense: 7, dense: 2, softmax]}
)",
                                  "test.yaml")
                         .config;
  for (const std::vector<std::string>& allowed : {std::vector<std::string>{}, {"network"}}) {
    ResumeRules rules(now, allowed);

    rules.compare_config(then.yaml, "run/config.yaml");

    EXPECT_THAT(message_of<UsageError>([&] { rules.require("the run"); }),
                AllOf(HasSubstr("dense/bias is (2) there, (7) now, and 3 more"),
                      HasSubstr("choose another directory"), testing::Not(HasSubstr("--allow-change"))));
  }
}

TEST(ResumeRules, ANetworkThatTheWeightsFitCanBeAllowed) {
  const auto dropping = [](const char* rate) {
    return parse_config(std::string("network: {input: [2, 2, 1], layers: [flatten, dropout: ") + rate +
                            ", dense: 2, softmax]}\n",
                        "test.yaml")
        .config;
  };
  const Config now = dropping("0.5");
  ResumeRules rules(now, {"network"});

  rules.compare_config(dropping("0.25").yaml, "run/config.yaml");

  EXPECT_EQ(rules.allowed().size(), 1u);
  EXPECT_EQ(message_of<UsageError>([&] { rules.require("the run"); }), "");
}

TEST(ResumeRules, RefuseAnotherDeviceAndOtherData) {
  const Config now = config_with({});
  ResumeRules rules(now, {});
  CheckpointInfo other = kThen;
  other.device = "cuda";
  other.dataset = "9 samples of (1, 1, 1), 2 classes, content 02";

  rules.compare_origin(kThen, other);

  EXPECT_THAT(rules.refused(),
              ElementsAre("device.kind: cpu there, cuda now",
                          HasSubstr("data.content: 9 samples of (1, 1, 1), 2 classes, content 01")));
}

TEST(ResumeRules, OldRunsGoOnWhereTheSameComputes) {
  const Config now = config_with({});
  ResumeRules rules(now, {});
  CheckpointInfo stored = kThen;  // by versions that cut the word out of Replica::describe()
  CheckpointInfo here = kThen;

  stored.device = "cpu";
  here.device = make_cpu_replica(now.network, {.shard_samples = 1})->kind();
  rules.compare_origin(stored, here);
  stored.device = "reference";
  here.device = make_reference_replica(now.network, {.shard_samples = 1})->kind();
  rules.compare_origin(stored, here);

  EXPECT_THAT(rules.refused(), IsEmpty());
}

TEST(ResumeRules, TakeOldCheckpointsOnTrustWithAWarning) {
  const Config now = config_with({});
  ResumeRules rules(now, {});
  CheckpointInfo old = kThen;
  old.device = "";
  old.dataset = "9 samples of (1, 1, 1), 2 classes";

  testing::internal::CaptureStderr();
  rules.compare_origin(old, kThen);

  EXPECT_THAT(testing::internal::GetCapturedStderr(), AllOf(HasSubstr("warning"), HasSubstr("on trust")));
  EXPECT_THAT(rules.refused(), IsEmpty());
  old.dataset = "8 samples of (1, 1, 1), 2 classes";
  rules.compare_origin(old, kThen);
  EXPECT_EQ(rules.refused().size(), 1u);
}

CheckpointInfo with_names(std::vector<std::string> classes, std::vector<std::string> columns) {
  CheckpointInfo info = kThen;
  info.data = {.classes = std::move(classes), .vectors = {{"track", std::move(columns)}}, .pixels = {}};
  return info;
}

TEST(ResumeRules, RefuseOtherNamesByName) {
  const Config now = config_with({});
  ResumeRules rules(now, {});

  rules.compare_origin(with_names({"ant", "bee", "cod"}, {"p", "x"}),
                       with_names({"ant", "cod", "bee"}, {"p", "y"}));

  EXPECT_THAT(
      rules.refused(),
      ElementsAre("data.classes: class 1 is \"bee\" (and 1 more) there, class 1 is \"cod\" (and 1 more) now",
                  "data.columns: of track column 1 is \"x\" there, of track column 1 is \"y\" now"));
}

TEST(ResumeRules, AllowOtherNames) {
  const Config now = config_with({});
  ResumeRules rules(now, {"data.classes", "data.columns", "data.pixels"});

  rules.compare_origin(with_names({"ant", "bee"}, {"p"}), with_names({"bee", "ant"}, {"q"}));

  rules.require("the run");
  EXPECT_EQ(rules.allowed().size(), 2u);
}

TEST(ResumeRules, WhereNamesAreMissingThereIsNothingToCompare) {
  const Config now = config_with({});
  ResumeRules rules(now, {});

  rules.compare_origin(with_names({}, {}), with_names({"ant", "bee"}, {"p"}));
  rules.compare_origin(with_names({"ant", "bee"}, {"p"}), with_names({}, {}));

  EXPECT_THAT(rules.refused(), IsEmpty());
}

TEST(ResumeRules, SayThatNamesOfOldCheckpointsAreNotKnown) {
  const Config now = config_with({});
  ResumeRules rules(now, {});

  testing::internal::CaptureStderr();
  rules.compare_origin(kThen, with_names({"ant", "bee"}, {}));

  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              AllOf(HasSubstr("warning"), HasSubstr("names of classes"), HasSubstr("on trust")));
  EXPECT_THAT(rules.refused(), IsEmpty());
}

TEST(ResumeRules, SayHowOtherDataWereMatched) {
  const Config now = config_with({});
  ResumeRules rules(now, {});
  CheckpointInfo other = kThen;
  other.dataset = "9 samples of (1, 1, 1), 2 classes, content 02";

  rules.compare_origin(kThen, other, " (its labels are taken by name)");

  EXPECT_THAT(rules.refused(), ElementsAre(HasSubstr("content 02 (its labels are taken by name) now")));
}

TEST(DataFingerprint, IsToldFromOtherTexts) {
  test::PatternSource source(300, {4, 4, 1});

  EXPECT_TRUE(is_fingerprint(data_fingerprint(source)));
  EXPECT_TRUE(is_fingerprint("9 samples of (1, 1, 1), 2 classes"));  // as older versions wrote it
  EXPECT_TRUE(is_fingerprint(""));
  EXPECT_FALSE(is_fingerprint("9 samplXs of (1, 1, 1), 2 classes"));
  EXPECT_FALSE(is_fingerprint(std::string(5000, '9')));
}

/// A checkpoint by a machine whose trial shard gives this.
CheckpointInfo computed(const std::string& machine, std::uint64_t trial, std::uint64_t subject = 7) {
  CheckpointInfo info = kThen;
  info.numbers = {.machine = machine, .instructions = "avx2", .trial = trial, .subject = subject};
  return info;
}

/// What a resume on the second machine is refused for.
std::vector<std::string> refused_between(const CheckpointInfo& stored, const CheckpointInfo& now,
                                         const std::vector<std::string>& allowed = {}) {
  const Config config = config_with({});
  ResumeRules rules(config, allowed);
  rules.compare_origin(stored, now);
  return rules.refused();
}

TEST(ResumeRules, RefuseAMachineThatComputesOtherBits) {
  const CheckpointInfo there = computed("Xeon, avx512", 1), here = computed("Epyc, avx2", 2);

  EXPECT_THAT(refused_between(there, here),
              ElementsAre(AllOf(HasSubstr("device.numbers: Xeon, avx512"), HasSubstr("Epyc, avx2"))));
  EXPECT_THAT(refused_between(there, here, {kDeviceNumbers}), IsEmpty());
}

TEST(ResumeRules, TakeAnotherMachineThatComputesTheSameBits) {
  EXPECT_THAT(refused_between(computed("Xeon", 1), computed("Epyc", 1)), IsEmpty());
}

TEST(ResumeRules, CompareNoTrialsOfDifferentShards) {  // a changed batch or network was judged by its key
  EXPECT_THAT(refused_between(computed("Xeon", 1, 7), computed("Xeon", 2, 8)), IsEmpty());
}

TEST(ResumeRules, GoByTheNameWhereThereIsNoTrial) {
  EXPECT_THAT(refused_between(computed("H200, cuDNN 9", 0), computed("A100, cuDNN 9", 0)),
              ElementsAre(HasSubstr("device.numbers: H200")));
  EXPECT_THAT(refused_between(computed("H200, cuDNN 9", 0), computed("H200, cuDNN 9", 0)), IsEmpty());
  EXPECT_THAT(refused_between(kThen, computed("H200", 0)), IsEmpty());  // of a version that noted nothing
}

TEST(ResumeRules, RefuseToAllowWhatIsNoKey) {
  const Config now = config_with({});

  EXPECT_THAT(message_of<UsageError>([&] { ResumeRules(now, {"optimiser"}); }),
              AllOf(HasSubstr("optimiser"), HasSubstr("Did you mean optimizer?")));
}

TEST(DataFingerprint, TellsDataOfTheSameShapeApart) {
  test::PatternSource one(300, {4, 4, 1});
  test::PatternSource same(300, {4, 4, 1});
  test::PatternSource longer(301, {4, 4, 1});
  test::PatternSource floats(300, {4, 4, 1}, io::PixelType::float32);

  EXPECT_EQ(data_fingerprint(one), data_fingerprint(same));
  EXPECT_NE(data_fingerprint(one), data_fingerprint(longer));
  EXPECT_NE(data_fingerprint(one), data_fingerprint(floats));
  EXPECT_THAT(data_fingerprint(one), HasSubstr("300 samples of (4, 4, 1), 2 classes, content "));
}

}  // namespace
}  // namespace annulus::trainer
