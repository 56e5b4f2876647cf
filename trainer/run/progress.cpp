// The line is erased before a message and drawn again after it, so the two never share a line.
#include "trainer/run/progress.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/log.hpp"

namespace annulus::trainer {
namespace {

constexpr double kRedrawSeconds = 0.1;  ///< more often than an eye follows costs time on a slow terminal
constexpr double kPlainSeconds = 10.0;  ///< into a file each line stays
constexpr double kRateSeconds = 5.0;    ///< images/s is averaged over about so long
constexpr int kUsualColumns = 80;

/// The log's hooks are plain functions, so the one progress line of the process must be reachable from them.
Progress* active = nullptr;
std::mutex active_mutex;

int terminal_columns(std::FILE* stream) {
  winsize size{};
  if (::ioctl(::fileno(stream), TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kUsualColumns;
  return size.ws_col;
}

std::string bar(double done, std::size_t width) {
  const auto filled = static_cast<std::size_t>(done * static_cast<double>(width));
  std::string text(width, ' ');
  std::fill_n(text.begin(), std::min(filled, width), '=');
  if (filled < width) text[filled] = '>';
  return fmt::format("[{}]", text);
}

/// "top-5 accuracy 0.9123"
std::string top_text(const TopAccuracy& top) {
  return fmt::format("top-{} accuracy {:.4f}", top.k, top.share);
}

std::string epoch_line(const EpochRow& row, std::uint64_t epochs) {
  std::string text =
      fmt::format("epoch {}/{}: loss {:.4f}, accuracy {:.4f}", row.at.epoch, epochs, row.loss, row.accuracy);
  if (row.top) text += fmt::format(", {}", top_text(*row.top));
  if (row.validation_loss) text += fmt::format(", validation loss {:.4f}", *row.validation_loss);
  if (row.validation_accuracy) text += fmt::format(", validation accuracy {:.4f}", *row.validation_accuracy);
  if (row.validation_top) text += fmt::format(", validation {}", top_text(*row.validation_top));
  if (row.validation_macro_recall)
    text += fmt::format(", validation macro recall {:.4f}", *row.validation_macro_recall);
  return text +
         fmt::format(", {:.0f} images/s, learning rate {:.3g}, {}", row.images_per_second, row.learning_rate,
                     row.seconds < 60 ? fmt::format("{:.1f} s", row.seconds) : clock_text(row.seconds));
}

}  // namespace

std::string clock_text(double seconds) {
  if (!(seconds >= 0)) return "-";
  const auto whole = static_cast<std::uint64_t>(std::min(std::round(seconds), 1e12));
  const std::uint64_t hours = whole / 3600;
  const std::uint64_t minutes = whole / 60 % 60;
  if (hours > 0) return fmt::format("{}:{:02}:{:02}", hours, minutes, whole % 60);
  return fmt::format("{}:{:02}", minutes, whole % 60);
}

std::string progress_line(const ProgressView& view, int columns) {
  const std::size_t room = static_cast<std::size_t>(std::max(columns, 2)) - 1;  // the last column would wrap
  const double done = std::clamp(view.done, 0.0, 1.0);
  const std::string head =
      fmt::format("epoch {}/{} {:3.0f}%", view.epoch + 1, view.epochs, std::floor(done * 100));
  std::vector<std::string> figures = {fmt::format("  loss {:.4f}", view.loss),
                                      fmt::format("  accuracy {:.4f}", view.accuracy),
                                      fmt::format("  {:.0f} images/s", view.images_per_second),
                                      fmt::format("  {} left", clock_text(view.seconds_left))};
  if (view.top) figures.push_back("  " + top_text(*view.top));  // the first to go where there is no room
  std::string tail;
  for (const std::string& figure : figures) {
    if (head.size() + tail.size() + figure.size() > room) break;
    tail += figure;
  }
  constexpr std::size_t kShortestBar = 5;
  constexpr std::size_t kLongestBar = 30;
  const std::size_t spare = room - std::min(room, head.size() + tail.size());
  std::string line = head;
  if (spare >= kShortestBar + 3) line += " " + bar(done, std::min(spare - 3, kLongestBar));
  line += tail;
  return line.substr(0, room);
}

ProgressTerminal detect_terminal() {
  const char* name = std::getenv("TERM");
  const bool capable = name != nullptr && std::string_view(name) != "dumb" && ::isatty(::fileno(stderr)) == 1;
  return {.stream = stderr,
          .kind = capable ? ProgressTerminal::Kind::interactive : ProgressTerminal::Kind::plain,
          .columns = 0};
}

Progress::Progress(ProgressOptions options) : options_(std::move(options)) {
  expect_contract(options_.steps_per_epoch > 0, "an epoch has at least one step");
  if (!options_.clock) options_.clock = steady_seconds;
  last_.step = options_.start_step;
  last_time_ = last_shown_ = options_.clock();
  const std::lock_guard lock(active_mutex);
  expect_contract(active == nullptr, "there is one progress line at a time");
  active = this;
  set_terminal_hooks(&Progress::before_message, &Progress::after_message);
}

Progress::~Progress() {
  set_terminal_hooks(nullptr, nullptr);  // waits for a message under way
  finish();
  const std::lock_guard lock(active_mutex);
  active = nullptr;
}

void Progress::before_message() {
  const std::lock_guard lock(active->mutex_);
  active->erase();
}

void Progress::after_message() {
  const std::lock_guard lock(active->mutex_);
  if (!active->finished_ && active->epoch_samples_ > 0) active->draw();
}

void Progress::account(const ProgressStep& step, double now) {
  const double seconds = std::max(now - last_time_, 0.0);
  const double kept = std::exp(-seconds / kRateSeconds);
  const auto samples = static_cast<double>(step.samples);
  recent_samples_ = recent_samples_ * kept + samples;
  recent_seconds_ = recent_seconds_ * kept + seconds;
  busy_seconds_ += seconds;
  loss_sum_ += step.loss * samples;
  correct_ += step.accuracy * samples;
  top_ += step.top ? step.top->share * samples : 0;
  epoch_samples_ += samples;
  last_time_ = now;
  last_ = step;
}

void Progress::step(const ProgressStep& step) {
  const double now = options_.clock();
  const bool interactive = options_.terminal.kind == ProgressTerminal::Kind::interactive;
  std::string line;
  {
    const std::lock_guard lock(mutex_);
    account(step, now);
    if (now - last_shown_ < (interactive ? kRedrawSeconds : kPlainSeconds)) return;
    last_shown_ = now;
    if (interactive) return draw();
    line = progress_line(view(), 1 << 10);
  }
  log_info("{}", line);
}

ProgressView Progress::view() const {
  const std::uint64_t total = std::max<std::uint64_t>(options_.total_steps, 1);
  const std::uint64_t here = last_.step - std::min(options_.start_step, last_.step);
  const std::uint64_t left = total - std::min(last_.step, total);
  std::optional<TopAccuracy> top = last_.top;
  if (top) top->share = epoch_samples_ > 0 ? top_ / epoch_samples_ : 0.0;
  const double per_step = here > 0 ? busy_seconds_ / static_cast<double>(here) : -1.0;
  return {.epoch = last_.step > 0 ? (last_.step - 1) / options_.steps_per_epoch : 0,
          .epochs = (total + options_.steps_per_epoch - 1) / options_.steps_per_epoch,
          .done = static_cast<double>(last_.step) / static_cast<double>(total),
          .loss = epoch_samples_ > 0 ? loss_sum_ / epoch_samples_ : 0.0,
          .accuracy = epoch_samples_ > 0 ? correct_ / epoch_samples_ : 0.0,
          .top = top,
          .images_per_second = recent_seconds_ > 0 ? recent_samples_ / recent_seconds_ : 0.0,
          .seconds_left = per_step < 0 ? -1.0 : per_step * static_cast<double>(left)};
}

void Progress::epoch(const EpochRow& row) {
  std::uint64_t epochs = 0;
  {
    const std::lock_guard lock(mutex_);
    epochs = view().epochs;
    loss_sum_ = correct_ = top_ = epoch_samples_ = 0;
    const double now = options_.clock();
    busy_seconds_ +=
        std::max(now - last_time_, 0.0);  // evaluation counts for the time left, not for images/s
    last_time_ = last_shown_ = now;
  }
  log_info("{}", epoch_line(row, epochs));
}

void Progress::finish() {
  const std::lock_guard lock(mutex_);
  erase();
  finished_ = true;
}

double Progress::images_per_second() const {
  const std::lock_guard lock(mutex_);
  return view().images_per_second;
}

void Progress::draw() {
  if (options_.terminal.kind != ProgressTerminal::Kind::interactive) return;
  const int columns =
      options_.terminal.columns > 0 ? options_.terminal.columns : terminal_columns(options_.terminal.stream);
  const std::string line = progress_line(view(), columns);
  const std::size_t leftover = drawn_ > line.size() ? drawn_ - line.size() : 0;
  fmt::print(options_.terminal.stream, "\r{}{}", line, std::string(leftover, ' '));
  std::fflush(options_.terminal.stream);
  drawn_ = line.size();
}

void Progress::erase() {
  if (drawn_ == 0) return;
  fmt::print(options_.terminal.stream, "\r{}\r", std::string(drawn_, ' '));
  std::fflush(options_.terminal.stream);
  drawn_ = 0;
}

}  // namespace annulus::trainer
