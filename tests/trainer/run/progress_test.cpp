// The progress line: its text at any width, how often it is drawn, and that it steps aside for log messages.
#include "trainer/run/progress.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "base/log.hpp"

namespace annulus::trainer {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const ProgressView kView{.epoch = 2,
                         .epochs = 30,
                         .done = 0.5,
                         .loss = 1.23456,
                         .accuracy = 0.5678,
                         .images_per_second = 12345,
                         .seconds_left = 754};

TEST(ProgressLine, HasEverythingOnAWideTerminal) {
  EXPECT_EQ(
      progress_line(kView, 120),
      "epoch 3/30  50% [===============>              ]  loss 1.2346  accuracy 0.5678  12345 images/s  12:34 left");
}

TEST(ProgressLine, ShrinksWithTheTerminal) {
  EXPECT_EQ(progress_line(kView, 80),
            "epoch 3/30  50%  loss 1.2346  accuracy 0.5678  12345 images/s  12:34 left");
  EXPECT_EQ(progress_line(kView, 44), "epoch 3/30  50% [======>     ]  loss 1.2346");
  EXPECT_EQ(progress_line(kView, 20), "epoch 3/30  50%");
  EXPECT_EQ(progress_line(kView, 9), "epoch 3/");
  for (int columns = 0; columns < 150; ++columns)
    EXPECT_LT(progress_line(kView, columns).size(), static_cast<std::size_t>(std::max(columns, 2)))
        << columns;
}

TEST(ProgressLine, SurvivesFiguresOutOfRange) {
  ProgressView view = kView;
  view.done = 7;
  view.seconds_left = -1;

  EXPECT_THAT(progress_line(view, 120), AllOf(HasSubstr("100%"), HasSubstr("- left")));
}

TEST(ClockText, ShowsHoursOnlyWhenThereAreSome) {
  EXPECT_EQ(clock_text(0), "0:00");
  EXPECT_EQ(clock_text(59.6), "1:00");
  EXPECT_EQ(clock_text(3723), "1:02:03");
  EXPECT_EQ(clock_text(-1), "-");
}

/// A progress line on a file, with a clock that the test moves.
class ProgressTest : public testing::Test {
 protected:
  ProgressTest() : stream(std::tmpfile(), &std::fclose) {}

  ProgressOptions options(ProgressTerminal::Kind kind) {
    return {.start_step = 0,
            .total_steps = 100,
            .steps_per_epoch = 50,
            .terminal = {.stream = stream.get(), .kind = kind, .columns = 100},
            .clock = [this] { return now; }};
  }
  /// One step of 10 samples that takes `seconds`.
  void step(Progress& progress, double seconds) {
    now += seconds;
    progress.step({.step = ++steps, .samples = 10, .loss = 2.0, .accuracy = 0.5});
  }
  std::string drawn() {
    std::string text(static_cast<std::size_t>(std::ftell(stream.get())), '\0');
    std::rewind(stream.get());
    const std::size_t got = std::fread(text.data(), 1, text.size(), stream.get());
    text.resize(got);
    return text;
  }

  std::unique_ptr<std::FILE, int (*)(std::FILE*)> stream;
  double now = 1000;
  std::uint64_t steps = 0;
};

TEST_F(ProgressTest, RedrawsAtMostTenTimesASecond) {
  Progress progress(options(ProgressTerminal::Kind::interactive));

  for (int i = 0; i < 64; ++i) step(progress, 0.015625);  // one second in all; exact in binary

  const std::string text = drawn();
  const auto redraws = std::count(text.begin(), text.end(), '\r');
  EXPECT_GE(redraws, 8);
  EXPECT_LE(redraws, 10);
}

TEST_F(ProgressTest, ShowsRateMeansAndTimeLeft) {
  Progress progress(options(ProgressTerminal::Kind::interactive));

  for (int i = 0; i < 20; ++i) step(progress, 1);  // 10 samples a second, 80 steps left

  EXPECT_NEAR(progress.images_per_second(), 10, 1e-9);
  EXPECT_THAT(drawn(), AllOf(HasSubstr("epoch 1/2  20%"),
                             HasSubstr("loss 2.0000  accuracy 0.5000  10 images/s"), HasSubstr("1:20 left")));
}

TEST_F(ProgressTest, CountsOnlyTheStepsOfThisProcess) {
  ProgressOptions resumed = options(ProgressTerminal::Kind::interactive);
  resumed.start_step = steps = 60;
  Progress progress(resumed);

  for (int i = 0; i < 20; ++i) step(progress, 1);

  EXPECT_THAT(drawn(), AllOf(HasSubstr("epoch 2/2  80%"), HasSubstr("0:20 left")));
}

TEST_F(ProgressTest, StepsAsideForLogMessages) {
  testing::internal::CaptureStderr();
  ProgressOptions on_stderr = options(ProgressTerminal::Kind::interactive);
  on_stderr.terminal.stream = stderr;
  {
    Progress progress(on_stderr);
    step(progress, 1);

    log_info("a message");
  }
  const std::string text = testing::internal::GetCapturedStderr();

  const std::string line = progress_line(
      {.epochs = 2, .done = 0.01, .loss = 2, .accuracy = 0.5, .images_per_second = 10, .seconds_left = 99},
      100);
  const std::string blank = "\r" + std::string(line.size(), ' ') + "\r";
  EXPECT_EQ(text, "\r" + line + blank + "a message\n\r" + line + blank);
}

TEST_F(ProgressTest, SaysOneLineAnEpoch) {
  testing::internal::CaptureStderr();
  Progress progress(options(ProgressTerminal::Kind::plain));

  progress.epoch({.at = {.step = 50, .epoch = 1},
                  .loss = 1.5,
                  .accuracy = 0.25,
                  .validation_loss = 1.25,
                  .validation_accuracy = 0.5,
                  .learning_rate = 0.01,
                  .images_per_second = 1000,
                  .seconds = 2});

  EXPECT_EQ(
      testing::internal::GetCapturedStderr(),
      "epoch 1/2: loss 1.5000, accuracy 0.2500, validation loss 1.2500, validation accuracy 0.5000, 1000 images/s, learning rate 0.01, 2.0 s\n");
}

TEST_F(ProgressTest, PlainLinesComeEveryTenSecondsWithoutControlCharacters) {
  testing::internal::CaptureStderr();
  Progress progress(options(ProgressTerminal::Kind::plain));

  for (int i = 0; i < 25; ++i) step(progress, 1);

  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
  EXPECT_THAT(text, AllOf(Not(HasSubstr("\r")), Not(HasSubstr("\x1b"))));
  EXPECT_EQ(std::ftell(stream.get()), 0);
}

TEST_F(ProgressTest, AnEpochsEvaluationDoesNotLowerTheRate) {
  Progress progress(options(ProgressTerminal::Kind::interactive));
  for (int i = 0; i < 10; ++i) step(progress, 1);

  now += 100;
  testing::internal::CaptureStderr();
  progress.epoch({});
  testing::internal::GetCapturedStderr();
  step(progress, 1);

  EXPECT_NEAR(progress.images_per_second(), 10, 1e-9);
}

}  // namespace
}  // namespace annulus::trainer
