// What rank 0 shows while it trains: one line that is redrawn on a terminal, plain lines otherwise.
#pragma once

#include <cstdint>
#include <cstdio>
#include <functional>
#include <mutex>
#include <string>

#include "trainer/run/metrics.hpp"

namespace annulus::trainer {

/// What the line says. Loss and accuracy are means over the current epoch so far.
struct ProgressView {
  std::uint64_t epoch = 0;  ///< counted from 0
  std::uint64_t epochs = 1;
  double done = 0;  ///< of the whole run, in [0, 1]
  double loss = 0;
  double accuracy = 0;
  std::optional<TopAccuracy> top = {};
  double images_per_second = 0;
  double seconds_left = 0;  ///< negative: not known yet
};

/// "1:02:03", "2:03"; "-" when negative.
std::string clock_text(double seconds);
/// One line of at most `columns` - 1 characters: as many figures as fit, and a bar in what is left.
std::string progress_line(const ProgressView& view, int columns);

/// Where the line goes.
struct ProgressTerminal {
  enum class Kind { interactive, plain };
  std::FILE* stream = stderr;
  Kind kind = Kind::plain;
  int columns = 0;  ///< 0: ask the terminal at each redraw
};

/// stderr: interactive when it is a terminal that can move its cursor (TERM is neither unset nor "dumb"). No
/// colours and no escape codes are used either way, so NO_COLOR is always respected.
ProgressTerminal detect_terminal();

struct ProgressOptions {
  std::uint64_t start_step = 0;  ///< finished steps when this process began
  std::uint64_t total_steps = 1;
  std::uint64_t steps_per_epoch = 1;
  ProgressTerminal terminal;
  std::function<double()> clock;  ///< seconds, monotonic; empty: the steady clock
};

/// One finished step.
struct ProgressStep {
  std::uint64_t step = 0;  ///< finished steps since the start of the run
  std::int64_t samples = 0;
  double loss = 0;      ///< mean over the step's samples
  double accuracy = 0;  ///< likewise
  std::optional<TopAccuracy> top = {};
};

/// At most one at a time in a process: while it lives, log messages take the line away before they are
/// written and bring it back afterwards. Plain lines and the line of each epoch go through the log.
class Progress {
 public:
  explicit Progress(ProgressOptions options);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Redraws at most ten times a second; plain: a line about every ten seconds.
  void step(const ProgressStep& step);
  /// One line about a finished epoch; after its evaluation.
  void epoch(const EpochRow& row);
  /// Takes the line away for good.
  void finish();

  double images_per_second() const;

 private:
  static void before_message();
  static void after_message();
  void account(const ProgressStep& step, double now);
  ProgressView view() const;
  void draw();
  void erase();

  ProgressOptions options_;
  mutable std::mutex mutex_;
  ProgressStep last_;
  double loss_sum_ = 0;  ///< over the epoch
  double correct_ = 0;
  double top_ = 0;
  double epoch_samples_ = 0;
  double recent_samples_ = 0;  ///< decaying sums: the rate of the last seconds
  double recent_seconds_ = 0;
  double busy_seconds_ = 0;  ///< since this process began
  double last_time_ = 0;
  double last_shown_ = 0;
  std::size_t drawn_ = 0;  ///< characters of the line that is on the terminal
  bool finished_ = false;
};

}  // namespace annulus::trainer
