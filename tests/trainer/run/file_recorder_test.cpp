// The recorder of rank 0: what is written when and in which order, from where a run goes on, and what a disk
// that fails does to a training.
#include "trainer/run/file_recorder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "io/files/durable_file.hpp"
#include "io/hdf5/file.hpp"
#include "tests/support/pattern_source.hpp"
#include "tests/trainer/fake_replica.hpp"
#include "tests/trainer/temporary_directory.hpp"
#include "trainer/run/checkpoint_store.hpp"
#include "trainer/run/ledger.hpp"
#include "trainer/run/resume_rules.hpp"
#include "trainer/run/run_request.hpp"

namespace annulus::trainer {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr std::uint64_t kStepsPerEpoch = 5;
const std::vector<std::string> kNames{"caf\xe9", "dog"};

class FileRecorderTest : public testing::Test {
 protected:
  static Config parse(const std::string& more, const std::vector<std::string>& overrides = {}) {
    return parse_config(R"(name: small
epochs: 4
batch: {size: 4, shards: 1}
optimizer: {momentum: 0.9}
network:
  input: [2, 2, 1]
  layers:
    - flatten
    - dense: 2
    - softmax
)" + more,
                        "test.yaml", overrides)
        .config;
  }
  /// A start of the program on the same run directory.
  std::unique_ptr<Recorder> start(const Config& config, const std::string& validation_data = "") {
    return make_file_recorder({.config = config,
                               .host = "node17",
                               .mpi = "MPI of the test",
                               .run_directory = directory_ / "run",
                               .command_line = {"annulus", "train"},
                               .replica = replica_,
                               .optimizer = optimizer_,
                               .data_fingerprint = data_fingerprint(training_),
                               .validated_on = validation_data.empty() ? "" : "held",
                               .validation_data = validation_data,
                               .steps_per_epoch = kStepsPerEpoch,
                               .bucket_size = {},
                               .allow_change = {},
                               .data = {.classes = kNames, .vectors = {}, .pixels = {}}});
  }
  /// Saves the checkpoint of a step, whose first parameter is the step.
  void save(Recorder& recorder, std::uint64_t step, bool best = false) {
    replica_.parameters()[0] = static_cast<float>(step);
    recorder.checkpoint({.step = step}, best);
  }
  std::string file(const std::string& name) const { return directory_ / ("run/" + name); }
  std::vector<std::uint64_t> saved() const {
    return CheckpointStore(file("checkpoints"), {.keep_last = 9}).steps();
  }
  /// Records of metrics.jsonl as "kind step".
  std::vector<std::string> records() const {
    std::vector<std::string> found;
    std::istringstream lines(read_file(file("metrics.jsonl")));
    for (std::string line; std::getline(lines, line);) {
      const auto json = nlohmann::json::parse(line);
      found.push_back(json["kind"].get<std::string>() + " " + json["step"].dump());
    }
    return found;
  }
  std::vector<std::uint64_t> ledger_steps() const {
    std::vector<std::uint64_t> steps;
    for (const LedgerLine& line : read_ledger(file("ledger.jsonl"))) steps.push_back(line.step);
    return steps;
  }

  TemporaryDirectory directory_;
  FakeReplica replica_;
  Optimizer optimizer_{{.momentum = 0.9}, replica_.network(), replica_.layout()};
  test::PatternSource training_{20, {2, 2, 1}};
};

TEST_F(FileRecorderTest, MakesTheRunDirectoryWhenTheRunBeginsAndNotBefore) {
  const Config config = parse("");
  const auto recorder = start(config);
  EXPECT_FALSE(fs::exists(directory_ / "run"));

  EXPECT_EQ(recorder->restore("auto").step, 0u);

  EXPECT_EQ(read_file(file("config.yaml")), config.yaml);
  EXPECT_THAT(read_file(file("environment.json")), AllOf(HasSubstr("node17"), HasSubstr("MPI of the test")));
  EXPECT_THAT(records(), ElementsAre("event 0"));
  EXPECT_THAT(read_file(file("metrics.jsonl")), HasSubstr("started in"));
}

TEST_F(FileRecorderTest, WritesEveryTenthStepAndTheEvaluationBeforeItsEpoch) {
  const Config config = parse("");
  const auto recorder = start(config);
  recorder->restore("auto");
  const Evaluation validation{.loss = 0.5, .accuracy = 0.75, .samples = 8, .each_once = true};

  for (std::uint64_t step = 1; step <= 20; ++step)
    recorder->step({.step = step, .epoch = (step - 1) / kStepsPerEpoch, .samples = 4, .loss = 0.25});
  recorder->epoch({.epoch = 3, .step = 20, .loss = 0.25, .accuracy = 0.5, .validation = &validation});

  // The second event: how long the first step took to come.
  EXPECT_THAT(records(),
              ElementsAre("event 0", "event 1", "step 10", "step 20", "evaluation 20", "epoch 20"));
  EXPECT_FALSE(recorder->failure());
}

TEST_F(FileRecorderTest, ImagesPerSecondAreThoseOfTrainingAlone) {
  const Config config = parse("");
  const auto recorder = start(config);
  recorder->restore("auto");

  recorder->step({.step = 1, .samples = 4});
  recorder->epoch({.epoch = 0, .step = 1, .training_seconds = 0.0001});

  // However long the epoch has taken as a whole.
  EXPECT_THAT(read_file(file("metrics.csv")), AllOf(HasSubstr("\n1,1,"), HasSubstr(",40000,")));
}

TEST_F(FileRecorderTest, WhatOtherSamplesSaidOfTheModelIsForgotten) {
  const Config config = parse("");
  {
    const auto recorder = start(config, "samples A");
    recorder->restore("auto");
    recorder->checkpoint(
        {.step = 5, .best = {.loss = 0.5, .accuracy = 0.75}, .best_step = 5, .epochs_without_improvement = 2},
        true);
    recorder->finish();
  }

  const RunState same = start(config, "samples A")->restore("auto");
  const RunState other = start(config, "samples B")->restore("auto");

  EXPECT_EQ(same.best_step, 5u);
  EXPECT_EQ(same.best.accuracy, 0.75);
  EXPECT_EQ(same.epochs_without_improvement, 2);
  EXPECT_EQ(other.step, 5u);
  EXPECT_EQ(other.best_step, 0u);
  EXPECT_EQ(other.best.accuracy, -1);
  EXPECT_EQ(other.epochs_without_improvement, 0);
  const CheckpointInfo info = read_checkpoint_info(file("checkpoints/best"));
  EXPECT_EQ(info.validated_on, "held");
  EXPECT_EQ(info.validation_data, "samples A");
}

TEST_F(FileRecorderTest, ALossOfAnotherKindIsNoMeasure) {
  const std::string by_loss = "checkpoint: {best_by: loss}\nloss: {label_smoothing: 0.1, smooth_validation: ";
  const Config plain = parse(by_loss + "false}\n");
  const Config smoothed = parse(by_loss + "true}\n");
  {
    const auto recorder = start(plain, "samples");
    recorder->restore("auto");
    recorder->checkpoint({.step = 5, .best = {.loss = 0.5}, .best_step = 5, .improved_by = BestBy::loss},
                         true);
    recorder->finish();
  }

  EXPECT_EQ(start(plain, "samples")->restore("auto").best_step, 5u);
  EXPECT_EQ(start(smoothed, "samples")->restore("auto").best_step, 0u);
}

TEST_F(FileRecorderTest, WithoutANoteOfTheSamplesTheKeysTellWhatWasValidatedOn) {
  const Config on_validation = parse("data: {path: x.h5, validation: judges}\n");
  const Config on_others = parse("data: {path: x.h5, validation: others}\n");
  {
    const auto recorder = start(on_validation);
    recorder->restore("auto");
    recorder->checkpoint({.step = 5, .best = {.loss = 0.5, .accuracy = 0.75}, .best_step = 5}, true);
    recorder->finish();
  }

  EXPECT_EQ(start(on_validation)->restore("auto").best_step, 5u);
  EXPECT_EQ(start(on_others)->restore("auto").best_step, 0u);
}

TEST_F(FileRecorderTest, AnotherFigureCountsTheEpochsWithoutImprovementAnew) {
  const std::string patience = "early_stopping: {patience: 4}\n";
  const Config by_accuracy = parse(patience);
  const Config by_loss = parse(patience + "checkpoint: {best_by: loss}\n");
  {
    const auto recorder = start(by_accuracy, "samples");
    recorder->restore("auto");
    recorder->checkpoint(
        {.step = 5, .best = {.loss = 0.5, .accuracy = 0.75}, .best_step = 5, .epochs_without_improvement = 4},
        true);
    recorder->finish();
  }

  const RunState same = start(by_accuracy, "samples")->restore("auto");
  testing::internal::CaptureStderr();
  const RunState other = start(by_loss, "samples")->restore("auto");

  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("were judged by the accuracy"));
  EXPECT_EQ(same.epochs_without_improvement, 4);
  EXPECT_EQ(other.epochs_without_improvement, 0);
  EXPECT_EQ(other.best_step, 5u);
}

TEST_F(FileRecorderTest, SamplesThatWereTrainedOnDoNotBecomeHeldOutInSilence) {
  const Config config = parse("data: {path: some.h5, validation_fraction: 0.5}\n");
  {
    const auto recorder = start(config, "samples A");
    recorder->restore("auto");
    save(*recorder, 5);
    recorder->finish();
  }
  const auto said = [&](const std::string& samples) {
    testing::internal::CaptureStderr();
    start(config, samples)->restore("auto");
    return testing::internal::GetCapturedStderr();
  };

  EXPECT_THAT(said("samples A"), Not(HasSubstr("may have been trained on some of them")));
  EXPECT_THAT(said("samples B"), HasSubstr("may have been trained on some of them"));
}

TEST_F(FileRecorderTest, ACheckpointIsDueAsTheConfigSays) {
  const auto due = [&](const std::string& when) {
    const Config config = parse("checkpoint: {" + when + "}\n");
    const auto recorder = start(config);
    std::vector<std::uint64_t> steps;
    for (std::uint64_t step = 1; step <= 3 * kStepsPerEpoch; ++step)
      if (recorder->checkpoint_due({.step = step})) steps.push_back(step);
    return steps;
  };

  EXPECT_THAT(due("every_epochs: 0, every_steps: 4"), ElementsAre(4, 8, 12));
  EXPECT_THAT(due("every_epochs: 1"), ElementsAre(5, 10, 15));
  EXPECT_THAT(due("every_epochs: 2"), ElementsAre(10));
  EXPECT_THAT(due("every_epochs: 0.6"), ElementsAre(3, 6, 9, 12, 15));
  EXPECT_THAT(due("every_epochs: 0.5"), ElementsAre(3, 5, 8, 10, 13, 15));
  EXPECT_THAT(due("every_epochs: 1.5"), ElementsAre(8, 15));
  EXPECT_THAT(due("every_epochs: 0"), IsEmpty());
}

TEST_F(FileRecorderTest, AStepIsSavedOnceAndHasOneLineInTheLedger) {
  const Config config = parse("ledger: {every_steps: 1}\n");
  const auto recorder = start(config);
  recorder->restore("auto");

  recorder->ledger({.step = 1});
  recorder->ledger({.step = 1});
  save(*recorder, 2);
  recorder->ledger({.step = 2});
  recorder->finish();
  const auto written = fs::last_write_time(file("checkpoints/step-000000002.h5"));
  save(*recorder, 2, true);  // now also the best
  recorder->finish();

  EXPECT_THAT(ledger_steps(), ElementsAre(1, 2));
  EXPECT_THAT(saved(), ElementsAre(2));
  EXPECT_EQ(fs::last_write_time(file("checkpoints/step-000000002.h5")), written);
  EXPECT_EQ(fs::read_symlink(file("checkpoints/best")), "step-000000002.h5");
}

TEST_F(FileRecorderTest, WhatIsSavedIsTheStateOfItsStepThoughTrainingGoesOn) {
  const Config config = parse("");
  const auto recorder = start(config);
  recorder->restore("auto");

  save(*recorder, 5);
  replica_.parameters()[0] = 99;
  recorder->finish();
  load_checkpoint(file("checkpoints/step-000000005.h5"), replica_, optimizer_);

  EXPECT_EQ(replica_.parameters()[0], 5);
}

/// A run whose checkpoints of steps 5 and 10 are there.
class FileRecorderAgain : public FileRecorderTest {
 protected:
  FileRecorderAgain() {
    const auto recorder = start(config_);
    recorder->restore("auto");
    for (std::uint64_t step = 1; step <= 10; ++step) {
      recorder->step({.step = step, .epoch = (step - 1) / kStepsPerEpoch, .samples = 4});
      if (step % kStepsPerEpoch == 0) save(*recorder, step);
    }
    recorder->finish();
    replica_.parameters()[0] = 0;
  }
  const Config config_ = parse("");
};

TEST_F(FileRecorderAgain, AutoGoesOnFromTheNewest) {
  EXPECT_EQ(start(config_)->restore("auto").step, 10u);
  EXPECT_EQ(replica_.parameters()[0], 10);
  EXPECT_THAT(read_file(file("metrics.jsonl")), HasSubstr("after step 10"));
}

TEST_F(FileRecorderAgain, AutoPassesOverADamagedOne) {
  fs::resize_file(file("checkpoints/step-000000010.h5"), 100);

  EXPECT_EQ(start(config_)->restore("auto").step, 5u);

  EXPECT_EQ(replica_.parameters()[0], 5);
  EXPECT_THAT(records(),
              ElementsAre("event 0", "event 1", "event 5"));  // what came after step 5 is forgotten
}

/// The checksum is right and an attribute is not: written so by a person, or by a fault before the checksum.
class FileRecorderDamaged : public FileRecorderAgain {
 protected:
  template <class Value>
  void change(const char* name, const Value& value) {
    const std::string path = file("checkpoints/step-000000010.h5");
    io::Hdf5File checkpoint = io::Hdf5File::open_to_change(path);
    checkpoint.set_attribute("/", name, value);
    checkpoint.close();
    io::seal_file(path);
  }
};

TEST_F(FileRecorderDamaged, AutoPassesOverOneWithADamagedAttribute) {
  const auto damage = [&](const char* name, const auto& value) {
    const std::string path = file("checkpoints/step-000000010.h5");
    fs::copy_file(path, directory_ / "whole.h5", fs::copy_options::overwrite_existing);
    change(name, value);
    testing::internal::CaptureStderr();
    EXPECT_EQ(start(config_)->restore("auto").step, 5u) << name;
    EXPECT_THAT(testing::internal::GetCapturedStderr(),
                AllOf(HasSubstr("skipped a checkpoint that cannot be used"), HasSubstr("step-000000010.h5")))
        << name;
    EXPECT_EQ(replica_.parameters()[0], 5);
    fs::rename(directory_ / "whole.h5", path);
  };

  damage("step", std::uint64_t{1});
  damage("dataset", std::string("20 s\x01mples"));
  damage("seed", std::string("one"));
}

TEST_F(FileRecorderDamaged, OneThatDoesNotTellHowTheRunStoodLosesNothingElse) {
  for (const std::string text : {"{\"step\": 10, \"epoch_", "{\"step\": -10}", "null"}) {
    change("metrics", text);
    replica_.parameters()[0] = 0;

    testing::internal::CaptureStderr();
    const RunState state = start(config_)->restore("auto");
    EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("`metrics` cannot be read")) << text;

    EXPECT_EQ(state.step, 10u);
    EXPECT_EQ(state.best_step, 0u);
    EXPECT_EQ(replica_.parameters()[0], 10);
  }
}

TEST_F(FileRecorderDamaged, TheBestOneTellsOfItself) {
  {
    const auto recorder = start(config_);
    recorder->restore(file("checkpoints/step-000000005.h5"));
    recorder->checkpoint({.step = 5, .best = {.loss = 0.5, .accuracy = 0.75}, .best_step = 5}, true);
    recorder->checkpoint({.step = 10, .best = {.loss = 0.5, .accuracy = 0.75}, .best_step = 5}, false);
    recorder->finish();
  }
  change("metrics", std::uint64_t{10});

  const RunState state = start(config_)->restore("auto");

  EXPECT_EQ(state.step, 10u);
  EXPECT_EQ(state.best_step, 5u);
  EXPECT_EQ(state.best.accuracy, 0.75);
}

TEST_F(FileRecorderAgain, WhatSomebodyGoesBackFromIsKeptHoweverOften) {
  const std::string metrics = read_file(file("metrics.jsonl"));
  const std::string ledger = read_file(file("ledger.jsonl"));
  const auto train_anew = [&] {
    const auto recorder = start(config_);
    recorder->restore("none");
    recorder->step({.step = 10, .samples = 4, .loss = 0.125});
    save(*recorder, 10);
    recorder->finish();
  };

  train_anew();
  train_anew();

  const std::string first = read_file(file("metrics.jsonl.set-aside"));
  EXPECT_THAT(first, Not(IsEmpty()));
  EXPECT_TRUE(metrics.ends_with(first));
  EXPECT_THAT(first, HasSubstr("\"step\":10"));
  EXPECT_THAT(read_file(file("metrics.jsonl.set-aside-2")), HasSubstr("\"loss\":0.125"));
  EXPECT_EQ(read_file(file("ledger.jsonl.set-aside")), ledger);
  EXPECT_TRUE(fs::exists(file("ledger.jsonl.set-aside-2")));
  EXPECT_TRUE(fs::exists(file("checkpoints/step-000000010.h5.set-aside")));
  EXPECT_TRUE(fs::exists(file("checkpoints/step-000000010.h5.set-aside-2")));
}

TEST_F(FileRecorderAgain, WhatARunRepeatsIsNotKept) {
  {
    const auto recorder = start(config_);
    recorder->restore("auto");
    for (std::uint64_t step = 11; step <= 20; ++step) recorder->step({.step = step, .samples = 4});
  }

  start(config_)->restore("auto");

  EXPECT_FALSE(fs::exists(file("metrics.jsonl.set-aside")));
  EXPECT_THAT(records(), Not(testing::Contains("step 20")));
}

TEST_F(FileRecorderTest, AnEpochThatIsFinishedLaterHasOneRow) {
  const auto row_of = [&](const RunState& state, double loss) {
    return EpochRecord{.epoch = 1, .step = state.step, .loss = loss, .training_seconds = 1};
  };
  const RunState half{.step = 7, .epoch_loss_sum = 4, .epoch_samples = 8};
  const Config short_run = parse("", {"epochs=1.4"});
  const Config long_run = parse("", {"epochs=2"});
  {
    const auto recorder = start(short_run);
    recorder->restore("auto");
    recorder->epoch({.epoch = 0, .step = 5, .loss = 1, .training_seconds = 1});
    recorder->epoch(row_of(half, 0.5));
    recorder->checkpoint(half, false);
    recorder->finish();
  }
  start(short_run)->restore("auto");  // has nothing to do
  EXPECT_THAT(read_file(file("metrics.csv")), HasSubstr("\n2,7,0.5,"));

  const auto recorder = start(long_run);
  const RunState state = recorder->restore("auto");
  recorder->epoch(row_of({.step = 10}, 0.25));

  EXPECT_EQ(state.epoch_loss_sum, 4);
  EXPECT_THAT(read_file(file("metrics.csv")),
              AllOf(HasSubstr("\n1,5,1,"), HasSubstr("\n2,10,0.25,"), Not(HasSubstr("\n2,7,"))));
  EXPECT_THAT(records(), AllOf(testing::Contains("epoch 10"), Not(testing::Contains("epoch 7"))));
}

TEST_F(FileRecorderTest, EqualRunsHaveEqualCheckpointsHoweverTheyWereComputed) {
  const auto saved_by = [&](const std::string& how) {
    fs::remove_all(directory_ / "run");
    const Config config = parse(how);
    const auto recorder = start(config);
    recorder->restore("none");
    save(*recorder, 5);
    recorder->finish();
    return read_file(file("checkpoints/step-000000005.h5"));
  };

  const std::string one = saved_by("");
  const std::string other = saved_by(
      "device: {threads: 3, graph: false}\ndata: {path: x.h5, loader_threads: 2}\ncheckpoint: {keep_last: 7, every_epochs: 0.5}\nledger: {every_steps: 3}\nwatchdog: {factor: 20}\nbucket_kb: 64\n");
  const std::string with_path = saved_by("data: {path: x.h5}\n");

  EXPECT_EQ(other, with_path);
  EXPECT_NE(one, with_path) << "the data are a part of the model's making";
}

TEST_F(FileRecorderAgain, KnowsWhatTheRunWasTrainedOn) {
  const auto signature = [&](const std::string& resume) {
    return stored_signature({directory_ / "run", resume, {}});
  };
  ASSERT_TRUE(signature("auto"));
  EXPECT_EQ(signature("auto")->classes, kNames);
  EXPECT_EQ(signature(file("checkpoints/step-000000005.h5"))->classes, kNames);
  EXPECT_FALSE(signature("none"));
  EXPECT_FALSE(stored_signature({directory_ / "other", "auto", {}}));

  fs::resize_file(file("checkpoints/step-000000010.h5"), 100);
  EXPECT_EQ(signature("auto")->classes, kNames);
}

TEST_F(FileRecorderAgain, LeavesTheNamesForPeople) {
  const auto json = nlohmann::json::parse(read_file(file("data.json")));

  EXPECT_EQ(json["classes"], (std::vector<std::string>{"caf\xef\xbf\xbd", "dog"}));
  EXPECT_EQ(json["pixels"]["type"], "uint8");
}

TEST_F(FileRecorderAgain, NoneBeginsAnewAndSetsAsideWhatWasThere) {
  EXPECT_EQ(start(config_)->restore("none").step, 0u);

  EXPECT_EQ(replica_.parameters()[0], 0);
  EXPECT_THAT(saved(), IsEmpty());
  EXPECT_TRUE(fs::exists(file("checkpoints/step-000000010.h5.set-aside")));
  EXPECT_THAT(records(), ElementsAre("event 0", "event 0"));  // both starts, none of the steps between
}

TEST_F(FileRecorderAgain, ANamedOneIsTakenThoughThereIsANewer) {
  EXPECT_EQ(start(config_)->restore(file("checkpoints/step-000000005.h5")).step, 5u);

  EXPECT_EQ(replica_.parameters()[0], 5);
  EXPECT_THAT(saved(), ElementsAre(5));
}

TEST_F(FileRecorderTest, CheckpointsOfEverySoManyEpochsAreKept) {
  const Config config = parse("checkpoint: {keep_last: 1, keep_every_epochs: 2}\n");
  const auto recorder = start(config);
  recorder->restore("auto");

  for (const std::uint64_t step : {10, 12, 15, 20, 25}) save(*recorder, step);
  recorder->finish();

  EXPECT_THAT(saved(), ElementsAre(10, 20, 25));
}

TEST_F(FileRecorderAgain, ANamedOneFromElsewhereIsSavedHereWhenItIsDue) {
  const std::string elsewhere = directory_ / "elsewhere.h5";
  fs::copy_file(file("checkpoints/step-000000005.h5"), elsewhere);
  fs::remove_all(directory_ / "run");
  const auto recorder = start(config_);

  EXPECT_EQ(recorder->restore(elsewhere).step, 5u);
  recorder->checkpoint({.step = 5}, false);
  recorder->finish();

  EXPECT_THAT(saved(), ElementsAre(5));
}

TEST_F(FileRecorderAgain, AnotherConfigIsRefusedAndChangesNothing) {
  const Config other = parse("seed: 2\n");
  const std::string before = read_file(file("metrics.jsonl"));

  const std::string message = message_of<UsageError>([&] { start(other)->restore("auto"); });

  EXPECT_THAT(message, HasSubstr("seed"));
  EXPECT_EQ(read_file(file("metrics.jsonl")), before);
  EXPECT_EQ(read_file(file("config.yaml")), config_.yaml);
}

TEST_F(FileRecorderAgain, GoingBackForgetsWhatCameAfterTheCheckpoint) {
  const auto recorder = start(config_);
  recorder->restore("auto");
  for (std::uint64_t step = 11; step <= 20; ++step) recorder->step({.step = step, .samples = 4});
  replica_.parameters()[0] = 13;

  const auto state = recorder->go_back();

  ASSERT_TRUE(state);
  EXPECT_EQ(state->step, 10u);
  EXPECT_EQ(replica_.parameters()[0], 10);
  EXPECT_THAT(records(), testing::Not(testing::Contains("step 20")));
}

TEST_F(FileRecorderTest, GoingBackWithoutACheckpointSaysSo) {
  const Config config = parse("");
  const auto recorder = start(config);
  recorder->restore("auto");

  EXPECT_FALSE(recorder->go_back());
}

TEST_F(FileRecorderTest, ACheckpointThatCannotBeWrittenIsAFailureAndNoneFollows) {
  const Config config = parse("");
  const auto recorder = start(config);
  recorder->restore("auto");
  fs::remove_all(file("checkpoints"));
  write_file(file("checkpoints"), "no folder");

  EXPECT_NO_THROW(save(*recorder, 5));
  const std::string message = message_of<Error>([&] { recorder->finish(); });

  EXPECT_THAT(message, HasSubstr("step-000000005.h5"));
  ASSERT_TRUE(recorder->failure());
  EXPECT_EQ(recorder->failure()->what(), message);
  fs::remove(file("checkpoints"));
  fs::create_directory(file("checkpoints"));
  save(*recorder, 10);
  EXPECT_ANY_THROW(recorder->finish());
  EXPECT_THAT(saved(), IsEmpty());
}

/// No file of this process can grow, as on a full disk.
class FullDisk {
 public:
  FullDisk() : before_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &limit_);
    const rlimit none{.rlim_cur = 0, .rlim_max = limit_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &none);
  }
  ~FullDisk() {
    setrlimit(RLIMIT_FSIZE, &limit_);
    std::signal(SIGXFSZ, before_);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  void (*before_)(int);
  rlimit limit_{};
};

TEST_F(FileRecorderTest, AFullDiskEndsTheTrainingAfterTheStepAndNotInIt) {
  const Config config = parse("");
  const auto recorder = start(config);
  recorder->restore("auto");
  for (std::uint64_t step = 1; step < 10; ++step) recorder->step({.step = step, .samples = 4});
  ASSERT_FALSE(recorder->failure());
  std::string first;
  {
    const FullDisk full;
    EXPECT_NO_THROW(recorder->step({.step = 10, .samples = 4}));
    ASSERT_TRUE(recorder->failure());
    first = recorder->failure()->what();
    EXPECT_NO_THROW(recorder->epoch({.epoch = 1, .step = 10}));
  }

  EXPECT_THAT(first, HasSubstr("metrics.jsonl"));
  EXPECT_EQ(recorder->failure()->what(), first);  // the first one says what is wrong
  EXPECT_EQ(message_of<Error>([&] { recorder->finish(); }), first);
}

}  // namespace
}  // namespace annulus::trainer
