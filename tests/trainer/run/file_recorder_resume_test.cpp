// From where the recorder lets a run go on, and what becomes of that which came after.

#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>

#include "io/files/durable_file.hpp"
#include "io/hdf5/file.hpp"
#include "tests/trainer/run/file_recorder_fixture.hpp"
#include "trainer/run/run_request.hpp"

namespace annulus::trainer {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

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

}  // namespace
}  // namespace annulus::trainer
