// The loop with an engine that runs a step behind: what is recorded, when everything is known, and what a
// loss that is not finite stops.
#include "trainer/loop/training_loop.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "base/error.hpp"
#include "tests/support/pattern_source.hpp"
#include "tests/trainer/fake_replica.hpp"
#include "tests/trainer/loop/numbered_samples.hpp"

namespace annulus::trainer {
namespace {

/// Step n has the loss n per sample; all that happens is written down.
class LateEngine final : public StepEngine {
 public:
  LateEngine(std::size_t ahead, std::vector<std::string>& diary) : ahead_(ahead), diary_(diary) {}

  std::set<std::size_t> bad;  ///< which calls of begin() are bad steps

  void begin(const io::Batch& batch, const StepOrder&) override {
    samples_.push_back(static_cast<double>(batch.samples));
    diary_.push_back(fmt::format("begin {}", samples_.size()));
  }
  StepResult finish() override {
    const double samples = samples_.at(finished_++);
    const bool diverged = bad.contains(finished_);
    const double loss = diverged ? NAN : static_cast<double>(finished_);
    return {.loss_sum = loss * samples,
            .correct = samples / 2,
            .top = samples - 1,
            .gradient_norm = 1,
            .verdict = diverged ? Verdict::loss_not_finite : Verdict::good};
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
  std::optional<RunState> go_back() override {
    diary_.push_back("go back");
    return saved_;
  }
  void step(const StepRecord& record) override {
    diary_.push_back(fmt::format("record {} loss {} of {}", record.step, record.loss, record.samples));
  }
  void epoch(const EpochRecord& record) override {
    diary_.push_back(fmt::format("epoch {} loss {}", record.epoch, record.loss));
    if (record.top) diary_.push_back(fmt::format("top {}: {}", record.top->k, record.top->share));
  }
  void event(const RunState& state, const std::string& text) override {
    diary_.push_back(fmt::format("event at {}: {}", state.step, text));
  }
  bool checkpoint_due(const RunState& state) const override { return state.step == 4; }
  void checkpoint(const RunState& state, bool) override {
    saved_ = state;
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
  std::optional<RunState> saved_;
};

/// Epochs of three steps: 4, 4 and 2 samples.
class Loop : public testing::Test {
 protected:
  Outcome run(std::size_t ahead, std::set<std::size_t> bad = {}) {
    config.epochs = epochs;
    config.ledger.every_steps = ledger_every;
    test::PatternSource source(10, {1, 1, 1});
    const io::ShardedSampler sampler({.samples = 10, .batch = 4, .shards = 1});
    io::BatchLoader loader(source, sampler, io::Generator(source.info(), {}, {}, 1), {});
    const auto group = comm::make_serial_group();
    FakeReplica replica;
    Optimizer optimizer({}, replica.network(), replica.layout());
    LateEngine engine(ahead, diary);
    engine.bad = std::move(bad);
    DiaryRecorder recorder(diary);
    recorder.fails_after = fails_after;
    NumberedSource judges(3);
    AnsweringReplica answering([this](std::uint64_t sample) {
      const auto over =
          std::ranges::count_if(diary, [](const auto& line) { return line.starts_with("epoch "); });
      return answers.at(static_cast<std::size_t>(over))(sample);
    });
    Evaluator evaluator(answering, *group, judges, io::Generator(judges.info(), {}, {}, 1), {});
    TrainingLoop loop({config, *group, replica, optimizer, engine, sampler, loader,
                       answers.empty() ? nullptr : &evaluator, recorder, state, hook_});
    return loop.run();
  }

  std::string failure(std::size_t ahead, std::set<std::size_t> bad) {
    try {
      run(ahead, std::move(bad));
    } catch (const RuntimeError& error) {
      return error.what();
    }
    return "no error";
  }

  Config config;
  RunState state;
  StepHook* hook_ = nullptr;
  std::vector<std::string> diary;
  std::int64_t ledger_every = 0;
  double epochs = 2;
  std::vector<Answer> answers;  ///< of the model at the end of every epoch; none: nothing is validated
  std::string fails_after;
};

TEST_F(Loop, AnEpochKnowsItsLabelsAmongTheKLargest) {
  config.loss.top_k = 5;
  run(1);

  EXPECT_EQ(std::ranges::count(diary, "top 5: 0.7"), 2) << "3 + 3 + 1 of 10 samples, in each of two epochs";
}

TEST_F(Loop, NobodyHearsOfThemUnlessAsked) {
  run(1);

  EXPECT_TRUE(std::ranges::none_of(diary, [](const auto& line) { return line.starts_with("top "); }));
}

/// Gives the label the first probability for sample 0, and so on; what is left goes to the next class.
Answer with(float zero, float one, float two) {
  return [chances = std::array{zero, one, two}](std::uint64_t sample) {
    std::vector<float> row(kNumberedClasses, 0.0f);
    row[sample % kNumberedClasses] = chances.at(sample);
    row[(sample + 1) % kNumberedClasses] = 1 - chances.at(sample);
    return row;
  };
}

TEST_F(Loop, ARunThatEndsWithinAnEpochKeepsItsSumsForTheRest) {
  epochs = 4.0 / 3;

  run(0);

  EXPECT_EQ(state.step, 4u);
  EXPECT_EQ(state.epoch_samples, 4);
  EXPECT_THAT(diary, testing::Contains("epoch 1 loss 4"));
  EXPECT_THAT(diary, testing::Contains("checkpoint 4 with 4 samples of the epoch"));
}

TEST_F(Loop, APartOfAnEpochIsNoEpochWithoutImprovement) {
  epochs = 4.0 / 3;
  config.early_stopping.patience = 5;
  answers = {with(0.9f, 0.9f, 0.9f), with(0.1f, 0.1f, 0.1f)};

  run(0);
  EXPECT_EQ(state.epochs_without_improvement, 0);

  state = {};
  diary.clear();
  epochs = 2;
  run(0);
  EXPECT_EQ(state.epochs_without_improvement, 1);
}

TEST_F(Loop, OfEquallyGoodModelsTheOneWithTheLowerLossIsTheBestThenTheLater) {
  epochs = 4;
  answers = {with(0.8f, 0.8f, 0.1f), with(0.9f, 0.8f, 0.1f), with(0.7f, 0.8f, 0.1f), with(0.9f, 0.8f, 0.1f)};

  run(0);

  EXPECT_EQ(state.best_step, 12u);
  EXPECT_NEAR(state.best.accuracy, 2.0 / 3, 1e-12);
  const auto saved = [&](std::uint64_t step) {
    return std::ranges::count(diary, fmt::format("checkpoint {} with 0 samples of the epoch", step));
  };
  EXPECT_EQ(saved(3), 1);
  EXPECT_EQ(saved(6), 1);
  EXPECT_EQ(saved(9), 0) << "as good by the figure, but with a higher loss";
}

TEST_F(Loop, TheFigureThatIsAskedForChoosesTheModelAndEndsTheTraining) {
  // By accuracy the first is the best, by loss the second; the others are worse by both.
  const std::vector<Answer> made{with(0.51f, 0.51f, 0.51f), with(0.49f, 0.95f, 0.95f), with(0.3f, 0.3f, 0.3f),
                                 with(0.2f, 0.2f, 0.2f), with(0.1f, 0.1f, 0.1f)};
  const auto best_by = [&](BestBy figure) {
    epochs = 5;
    answers = made;
    diary.clear();
    state = {};
    config.checkpoint.best_by = figure;
    config.early_stopping.patience = 2;
    EXPECT_EQ(run(0), Outcome::finished);
    return std::pair(state.best_step, state.step);
  };

  EXPECT_EQ(best_by(BestBy::accuracy), std::pair(std::uint64_t{3}, std::uint64_t{9}));
  EXPECT_EQ(best_by(BestBy::loss), std::pair(std::uint64_t{6}, std::uint64_t{12}));
  EXPECT_EQ(best_by(BestBy::macro_recall), std::pair(std::uint64_t{3}, std::uint64_t{9}));
  EXPECT_THAT(diary, testing::Contains(testing::HasSubstr("no better validation macro recall for 2 epochs")));
}

TEST_F(Loop, LessThanTheMinimumIsNoImprovementForPatience) {
  epochs = 6;
  config.early_stopping = {.patience = 2, .minimum_improvement = 0.1};
  config.checkpoint.best_by = BestBy::loss;
  // Losses 0.69, 0.65, 0.54, 0.53, 0.51, 0.49: each is better than the one before, the third alone by enough.
  for (const float chance : {0.50f, 0.52f, 0.58f, 0.59f, 0.60f, 0.61f})
    answers.push_back(with(chance, chance, chance));

  EXPECT_EQ(run(0), Outcome::finished);

  EXPECT_EQ(state.step, 15u) << "two epochs after the third";
  EXPECT_EQ(state.best_step, 15u) << "what is better by a little is still the better model";
  EXPECT_THAT(diary, testing::Contains(testing::HasSubstr("no better validation loss for 2 epochs")));
}

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
  EXPECT_THAT(failure(1, {4}), testing::HasSubstr("step 4 (epoch 2): the loss is not finite"));

  EXPECT_THAT(diary, testing::Not(testing::Contains(testing::StartsWith("checkpoint"))));
  EXPECT_EQ(diary.back(), "begin 4");
}

TEST_F(Loop, SkipsABadStepAndGoesOn) {
  config.anomaly.policy = AnomalyPolicy::skip;
  for (const std::size_t ahead : {0, 1}) {
    diary.clear();
    state = {};
    EXPECT_EQ(run(ahead, {2}), Outcome::finished);

    EXPECT_THAT(diary,
                testing::Contains(testing::HasSubstr("step 2 (epoch 1): the loss is not finite")).Times(1));
    EXPECT_THAT(diary, testing::Not(testing::Contains(testing::StartsWith("record 2"))));
    EXPECT_THAT(diary, testing::Contains("epoch 0 loss 1.6666666666666667"));  // (1*4 + 3*2) / 6
    EXPECT_EQ(state.step, 6U);
    EXPECT_EQ(state.anomalies.skipped, 1U);
    EXPECT_EQ(state.anomalies.skipped_in_a_row, 0);
  }
}

TEST_F(Loop, StopsAfterTooManyBadStepsInARow) {
  config.anomaly = {.policy = AnomalyPolicy::skip, .skip_limit = 2};

  EXPECT_EQ(run(1, {1, 2, 4, 5}), Outcome::finished);  // not in a row
  state = {};
  EXPECT_THAT(failure(1, {2, 3, 4}), testing::HasSubstr("2 steps before it were bad as well"));
}

TEST_F(Loop, GoesBackToTheCheckpointAndPastTheBadStep) {
  config.anomaly.policy = AnomalyPolicy::rollback;
  for (const std::size_t ahead : {0, 1}) {
    diary.clear();
    state = {};
    EXPECT_EQ(run(ahead, {5}), Outcome::finished);  // a checkpoint is due after step 4

    const auto back = std::find(diary.begin(), diary.end(), "go back");
    ASSERT_NE(back, diary.end());
    EXPECT_THAT(
        std::vector(back + 1, back + 3),
        testing::ElementsAre(testing::AllOf(testing::StartsWith("event at 4: step 5 (epoch 2)"),
                                            testing::HasSubstr("Back to step 4; step 5 will be passed over")),
                             testing::StartsWith("event at 5: step 5 is passed over")));
    EXPECT_THAT(std::vector(back, diary.end()), testing::Contains(testing::StartsWith("record 6")));
    EXPECT_EQ(state.step, 6U);
    EXPECT_EQ(state.anomalies.rollbacks, 1);
  }
}

TEST_F(Loop, GoesBackToTheStartWhereThereIsNoCheckpoint) {
  config.anomaly.policy = AnomalyPolicy::rollback;
  EXPECT_EQ(run(0, {3}), Outcome::finished);

  EXPECT_THAT(diary, testing::Contains(testing::HasSubstr("Back to step 0; step 3 will be passed over")));
  EXPECT_THAT(diary, testing::Contains(testing::StartsWith("record 1 ")).Times(2));
  EXPECT_THAT(diary, testing::Contains(testing::StartsWith("epoch 0")).Times(1));
}

TEST_F(Loop, StopsAfterGoingBackTooOften) {
  config.anomaly = {.policy = AnomalyPolicy::rollback, .rollback_limit = 2};

  EXPECT_THAT(failure(0, {1, 2, 4}), testing::HasSubstr("has gone back 2 times"));  // steps 1, 2 and 3
}

/// Spoils as told, and writes down when it is asked.
class TestHook final : public StepHook {
 public:
  Spoil begins(std::uint64_t step) override {
    asked.push_back(step);
    return Spoil::nothing;
  }
  std::vector<std::uint64_t> asked;
};

TEST_F(Loop, AsksItsHookBeforeEveryStep) {
  TestHook hook;
  hook_ = &hook;
  config.anomaly.policy = AnomalyPolicy::rollback;

  run(0, {5});

  EXPECT_THAT(hook.asked, testing::ElementsAre(1, 2, 3, 4, 5, 6));  // step 5 is passed over the second time
}

}  // namespace
}  // namespace annulus::trainer
