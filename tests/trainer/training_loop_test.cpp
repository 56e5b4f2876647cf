// The loop with an engine that runs a step behind: what is recorded, when everything is known, and what a
// loss that is not finite stops.
#include "trainer/training_loop.hpp"

#include <gmock/gmock.h>

#include <cmath>

#include "base/error.hpp"
#include "tests/support/pattern_source.hpp"
#include "tests/trainer/fake_replica.hpp"

namespace annulus::trainer {
namespace {

/// Step n has the loss n per sample; all that happens is written down.
class LateEngine final : public StepEngine {
 public:
  LateEngine(std::size_t ahead, std::vector<std::string>& diary) : ahead_(ahead), diary_(diary) {}

  std::uint64_t diverges_at = 0;

  void begin(const io::Batch& batch, const StepOrder&) override {
    samples_.push_back(static_cast<double>(batch.samples));
    diary_.push_back(fmt::format("begin {}", samples_.size()));
  }
  StepResult finish() override {
    const double samples = samples_.at(finished_++);
    const bool bad = finished_ == diverges_at;
    const double loss = bad ? NAN : static_cast<double>(finished_);
    return {.loss_sum = loss * samples,
            .correct = samples / 2,
            .gradient_norm = 1,
            .verdict = bad ? Verdict::loss_not_finite : Verdict::good};
  }
  std::size_t steps_ahead() const override { return ahead_; }
  void download() override { diary_.push_back(fmt::format("download {}", samples_.size() - finished_)); }
  void upload() override {}

 private:
  std::size_t ahead_;
  std::vector<std::string>& diary_;
  std::vector<double> samples_;
  std::size_t finished_ = 0;
};

class DiaryRecorder final : public Recorder {
 public:
  explicit DiaryRecorder(std::vector<std::string>& diary) : diary_(diary) {}

  RunState restore(const std::string&) override { return {}; }
  void step(const StepRecord& record) override {
    diary_.push_back(fmt::format("record {} loss {} of {}", record.step, record.loss, record.samples));
  }
  void epoch(const EpochRecord& record) override {
    diary_.push_back(fmt::format("epoch {} loss {}", record.epoch, record.loss));
  }
  void event(const RunState&, const std::string&) override {}
  bool checkpoint_due(const RunState& state, bool) const override { return state.step == 4; }
  void checkpoint(const RunState& state, bool) override {
    diary_.push_back(
        fmt::format("checkpoint {} with {} samples of the epoch", state.step, state.epoch_samples));
  }
  void ledger(const RunState& state) override { diary_.push_back(fmt::format("ledger {}", state.step)); }
  void finish() override { diary_.push_back("finish"); }
  std::optional<Error> failure() override {
    return std::ranges::count(diary_, fails_after) > 0 ? std::optional(Error(ExitCode::failure, "disk gone"))
                                                       : std::nullopt;
  }

  std::string fails_after;  ///< a line of the diary

 private:
  std::vector<std::string>& diary_;
};

/// Epochs of three steps: 4, 4 and 2 samples.
class Loop : public testing::Test {
 protected:
  Outcome run(std::size_t ahead, std::uint64_t diverges_at = 0) {
    Config config;
    config.epochs = 2;
    config.ledger.every_steps = ledger_every;
    test::PatternSource source(10, {1, 1, 1});
    const io::ShardedSampler sampler({.samples = 10, .batch = 4, .shards = 1});
    io::BatchLoader loader(source, sampler, io::Generator(source.info(), {}, {}, 1), {});
    const auto group = comm::make_serial_group();
    FakeReplica replica;
    Optimizer optimizer({}, replica.network(), replica.layout());
    LateEngine engine(ahead, diary);
    engine.diverges_at = diverges_at;
    DiaryRecorder recorder(diary);
    recorder.fails_after = fails_after;
    RunState state;
    TrainingLoop loop(
        {config, *group, replica, optimizer, engine, sampler, loader, nullptr, recorder, state});
    return loop.run();
  }

  std::vector<std::string> diary;
  std::int64_t ledger_every = 0;
  std::string fails_after;
};

TEST_F(Loop, NotesStatesInTheLedgerAtItsStepsAndEndsOfEpochs) {
  ledger_every = 2;

  run(0);

  std::vector<std::string> noted;
  for (const std::string& line : diary)
    if (line.starts_with("ledger") || line.starts_with("checkpoint")) noted.push_back(line.substr(0, 12));
  // At step 4 the checkpoint brings its line along.
  EXPECT_THAT(noted,
              testing::ElementsAre("ledger 2", "ledger 3", "checkpoint 4", "ledger 6", "checkpoint 6"));
}

TEST_F(Loop, WhatIsOnItsWayToTheDiskIsWaitedForAtTheEnd) {
  run(0);

  EXPECT_EQ(diary.back(), "finish");
}

TEST_F(Loop, EndsAfterTheStepInWhichARecorderFailed) {
  fails_after = "record 3 loss 3 of 2";

  EXPECT_THROW(run(0), Error);

  EXPECT_THAT(diary, testing::Not(testing::Contains("begin 4")));
}

TEST_F(Loop, RecordsAStepBeforeTheNextBeginsOnTheHost) {
  run(0);

  EXPECT_THAT(std::vector(diary.begin(), diary.begin() + 4),
              testing::ElementsAre("begin 1", "record 1 loss 1 of 4", "begin 2", "record 2 loss 2 of 4"));
}

TEST_F(Loop, RecordsAStepLateButAllBeforeEpochsEndAndCheckpoints) {
  EXPECT_EQ(run(1), Outcome::finished);

  EXPECT_THAT(diary,
              testing::ElementsAre("begin 1", "begin 2", "record 1 loss 1 of 4", "begin 3",
                                   "record 2 loss 2 of 4", "record 3 loss 3 of 2",
                                   "epoch 0 loss 1.8",  // (1*4 + 2*4 + 3*2) / 10
                                   "begin 4", "record 4 loss 4 of 4", "download 0",
                                   "checkpoint 4 with 4 samples of the epoch", "begin 5", "begin 6",
                                   "record 5 loss 5 of 4", "record 6 loss 6 of 2", "epoch 1 loss 4.8",
                                   "download 0", "checkpoint 6 with 0 samples of the epoch", "finish"));
}

TEST_F(Loop, NamesTheStepThatDivergedAndSavesNothingAfterIt) {
  try {
    run(1, 4);
    FAIL() << "a loss that is not a number stops the run";
  } catch (const RuntimeError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("step 4 (epoch 1): the loss is not finite"));
  }

  EXPECT_THAT(diary, testing::Not(testing::Contains(testing::StartsWith("checkpoint"))));
  EXPECT_EQ(diary.back(), "begin 4");
}

}  // namespace
}  // namespace annulus::trainer
