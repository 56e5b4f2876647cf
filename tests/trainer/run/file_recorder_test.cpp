// The recorder of rank 0: what is written when and in which order, and what a disk that fails does to a
// training.
#include "trainer/run/file_recorder.hpp"

#include <gmock/gmock.h>
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <filesystem>

#include "io/files/durable_file.hpp"
#include "tests/trainer/run/file_recorder_fixture.hpp"

namespace annulus::trainer {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

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

TEST_F(FileRecorderTest, CheckpointsOfEverySoManyEpochsAreKept) {
  const Config config = parse("checkpoint: {keep_last: 1, keep_every_epochs: 2}\n");
  const auto recorder = start(config);
  recorder->restore("auto");

  for (const std::uint64_t step : {10, 12, 15, 20, 25}) save(*recorder, step);
  recorder->finish();

  EXPECT_THAT(saved(), ElementsAre(10, 20, 25));
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
