// One writer, the main thread, and readers that never block it: every record is a cell with a version number
// that is odd while the record is being written (a seqlock). A note costs some ten nanoseconds.
#include "base/vital_signs.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <exception>
#include <type_traits>

namespace annulus {
namespace {

static_assert(std::is_trivially_copyable_v<VitalSigns> && sizeof(VitalSigns) % sizeof(std::uint64_t) == 0);
static_assert(std::atomic<std::uint64_t>::is_always_lock_free, "signal handlers read these");

/// Readers see a record as it was at one moment. Words are released one by one, so that whoever sees a new
/// word sees the odd version as well.
class Cell {
 public:
  void store(const VitalSigns& signs) noexcept {
    std::array<std::uint64_t, kWords> words{};
    std::memcpy(words.data(), &signs, sizeof signs);
    const std::uint64_t version = version_.load(std::memory_order_relaxed);
    version_.store(version + 1, std::memory_order_relaxed);
    for (std::size_t i = 0; i < kWords; ++i) words_[i].store(words[i], std::memory_order_release);
    version_.store(version + 2, std::memory_order_release);
  }

  VitalSigns load() const noexcept {
    // Bounded: the writer may be what a signal handler has interrupted, and a record that is as good as it
    // gets serves a crash better than none. A writer that only lost its core comes back sooner.
    constexpr int kTries = 100000;
    constexpr int kTriesAtOnce = 100;
    std::array<std::uint64_t, kWords> words{};
    for (int i = 0; i < kTries; ++i) {
      const std::uint64_t before = version_.load(std::memory_order_acquire);
      for (std::size_t k = 0; k < kWords; ++k) words[k] = words_[k].load(std::memory_order_acquire);
      if (before % 2 == 0 && version_.load(std::memory_order_relaxed) == before) break;
      if (i > kTriesAtOnce) sched_yield();  // a plain system call, harmless in signal handlers
    }
    VitalSigns signs;
    std::memcpy(static_cast<void*>(&signs), words.data(), sizeof signs);
    signs.text.back() = '\0';
    return signs;
  }

 private:
  static constexpr std::size_t kWords = sizeof(VitalSigns) / sizeof(std::uint64_t);
  std::atomic<std::uint64_t> version_{0};
  std::array<std::atomic<std::uint64_t>, kWords> words_{};
};

/// Everything that is known. `now` and what follows it belong to the main thread; the rest is for readers.
struct State {
  Cell current;
  std::array<Cell, kActivitiesKept> begun;
  std::atomic<std::uint64_t> begun_count{0};

  std::atomic<std::uint64_t> total_steps{0};
  std::atomic<std::uint64_t> steps_per_epoch{0};
  std::atomic<std::uint64_t> checkpoint_step{0};
  std::atomic<double> images_per_second{0};
  std::atomic<std::uint64_t> steps_done{0};
  std::atomic<double> own_seconds{0};
  std::atomic<double> waited_seconds{0};

  VitalSigns now;
  VitalSigns failed;        ///< where an exception was thrown
  bool has_failed = false;  ///< it has not been followed by other work
  double counted_to = 0;    ///< time before belongs to a counter, or to none
};

constinit State state;

bool on_main_thread() noexcept {
  static thread_local const bool main = gettid() == getpid();
  return main;
}

bool belongs_to_steps(Phase phase) noexcept {
  return phase == Phase::waiting_for_data || phase == Phase::step || phase == Phase::reduction ||
         phase == Phase::update || phase == Phase::control;
}

void add(std::atomic<double>& counter, double seconds) noexcept {
  counter.store(counter.load(std::memory_order_relaxed) + seconds, std::memory_order_relaxed);
}

/// Puts the time up to now to what was done in it. Called at every change, before it: so each moment counts
/// once, and own work and waiting add up to the time of the steps.
void settle_time(double time) noexcept {
  if (state.now.step > 0 && belongs_to_steps(state.now.phase))
    add(state.now.waiting ? state.waited_seconds : state.own_seconds, time - state.counted_to);
  state.counted_to = time;
}

/// `changes` goes up even where nothing else does: the watchdog looks for a number that stands still.
void publish() noexcept {
  ++state.now.changes;
  state.current.store(state.now);
}

void set_text(VitalSigns& signs, std::string_view text) noexcept {
  const std::size_t length = text.copy(signs.text.data(), signs.text.size() - 1);
  signs.text[length] = '\0';
}

/// Begins an activity that `state.now` describes but for its time. @return what was before
VitalSigns begin(Phase phase, bool waiting, std::string_view text) noexcept {
  const VitalSigns before = state.now;
  const double time = steady_seconds();
  settle_time(time);
  state.has_failed = false;
  state.now.phase = phase;
  state.now.waiting = waiting;
  state.now.since = time;
  set_text(state.now, text);
  publish();
  const std::uint64_t count = state.begun_count.load(std::memory_order_relaxed);
  state.begun[count % kActivitiesKept].store(state.now);
  state.begun_count.store(count + 1, std::memory_order_release);
  return before;
}

/// Goes back to what was before; the step may have changed meanwhile.
void end(const VitalSigns& before, bool thrown) noexcept {
  if (thrown && !state.has_failed) {
    state.failed = state.now;
    state.has_failed = true;
  }
  settle_time(steady_seconds());
  const std::uint64_t step = state.now.step;
  const std::uint64_t changes = state.now.changes;
  state.now = before;
  state.now.step = step;
  state.now.changes = changes;
  publish();
}

}  // namespace

const char* to_string(Phase phase) noexcept {
  return static_cast<std::size_t>(phase) < kPhases ? word_of(phase) : "unknown";
}

Activity::Activity(Phase phase, std::string_view text) noexcept : exceptions_(std::uncaught_exceptions()) {
  if (on_main_thread()) before_ = begin(phase, false, text);
}

Activity::~Activity() {
  if (on_main_thread()) end(before_, std::uncaught_exceptions() > exceptions_);
}

WaitingFor::WaitingFor(std::string_view what) noexcept : exceptions_(std::uncaught_exceptions()) {
  if (on_main_thread()) before_ = begin(state.now.phase, true, what);
}

WaitingFor::~WaitingFor() {
  if (on_main_thread()) end(before_, std::uncaught_exceptions() > exceptions_);
}

void note_step(std::uint64_t step) noexcept {
  if (!on_main_thread()) return;
  settle_time(steady_seconds());
  if (state.now.step > 0) state.steps_done.fetch_add(1, std::memory_order_relaxed);
  state.now.step = step;
  publish();
}

void note_progress() noexcept {
  if (on_main_thread()) publish();
}

void note_plan(std::uint64_t total_steps, std::uint64_t steps_per_epoch) noexcept {
  state.total_steps.store(total_steps, std::memory_order_relaxed);
  state.steps_per_epoch.store(steps_per_epoch, std::memory_order_relaxed);
}

void note_checkpoint(std::uint64_t step) noexcept {
  state.checkpoint_step.store(step, std::memory_order_relaxed);
}

void note_images_per_second(double rate) noexcept {
  state.images_per_second.store(rate, std::memory_order_relaxed);
}

VitalSigns vital_signs() noexcept { return state.current.load(); }

VitalSigns failed_vital_signs() noexcept {
  return on_main_thread() && state.has_failed ? state.failed : vital_signs();
}

VitalFigures vital_figures() noexcept {
  return {.total_steps = state.total_steps.load(std::memory_order_relaxed),
          .steps_per_epoch = state.steps_per_epoch.load(std::memory_order_relaxed),
          .checkpoint_step = state.checkpoint_step.load(std::memory_order_relaxed),
          .images_per_second = state.images_per_second.load(std::memory_order_relaxed),
          .steps_done = state.steps_done.load(std::memory_order_relaxed),
          .own_seconds = state.own_seconds.load(std::memory_order_relaxed),
          .waited_seconds = state.waited_seconds.load(std::memory_order_relaxed)};
}

std::size_t recent_activities(std::span<VitalSigns, kActivitiesKept> into) noexcept {
  const std::uint64_t count = state.begun_count.load(std::memory_order_acquire);
  const std::uint64_t kept = std::min<std::uint64_t>(count, kActivitiesKept);
  for (std::uint64_t i = 0; i < kept; ++i) into[i] = state.begun[(count - kept + i) % kActivitiesKept].load();
  return kept;
}

}  // namespace annulus
