// Figures of other samples, or of another kind, are no measure for a run that goes on.

#include <gmock/gmock.h>

#include "tests/trainer/run/file_recorder_fixture.hpp"

namespace annulus::trainer {
namespace {

using testing::HasSubstr;
using testing::Not;

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

}  // namespace
}  // namespace annulus::trainer
