// What this process is at, in a form that others may read at any time: the watchdog, the heartbeat, and the
// handler of a fatal signal. One set a process, as there is one log.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/clock.hpp"
#include "base/enum_words.hpp"

namespace annulus {

/// Kinds of work, each with a limit of its own for how long it may show no sign of life.
enum class Phase : std::uint8_t {
  start,             ///< before anything below
  opening_data,      ///< datasets, statistics of them
  compiling,         ///< replica, plans, memory
  restoring,         ///< run directory, checkpoint, state shared with the other ranks
  waiting_for_data,  ///< the loader has no batch ready
  step,              ///< forward and backward
  reduction,         ///< sum of gradients over the ranks
  update,            ///< optimizer
  control,           ///< what the ranks agree on after a step
  validation,
  checkpoint,
  finishing,  ///< after the last step
};

}  // namespace annulus

template <>
struct annulus::EnumWords<annulus::Phase> {
  static constexpr std::array kWords{
      "start",     "opening data", "compiling", "restoring",  "waiting for data", "step",
      "reduction", "update",       "control",   "validation", "checkpoint",       "finishing"};
};

namespace annulus {

constexpr std::size_t kPhases = enum_words<Phase>().size();

/// "opening data", as messages say it.
const char* to_string(Phase phase) noexcept;

/// What the main thread is at. Plain bytes: copied as they are.
struct VitalSigns {
  static constexpr std::size_t kTextBytes = 72;

  Phase phase = Phase::start;
  bool waiting = false;  ///< for other ranks; they are named in the text
  std::uint32_t reserved = 0;
  std::uint64_t step = 0;     ///< at work on, counted from 1; 0 before the first
  std::uint64_t changes = 0;  ///< notes so far: a process whose count stands still makes no progress
  double since = 0;           ///< steady_seconds() when this began
  std::array<char, kTextBytes> text{};  ///< more precisely; ends in '\0', cut when too long
};

/// From here to the end of the scope this thread works on `phase`. Unless an exception ends it, the scope's
/// end brings back what was before. Does something on the process' main thread only, where all phases are:
/// helper threads may pass through the same code.
class [[nodiscard]] Activity {
 public:
  explicit Activity(Phase phase, std::string_view text = {}) noexcept;
  ~Activity();
  Activity(const Activity&) = delete;
  Activity& operator=(const Activity&) = delete;

 private:
  VitalSigns before_;
  int exceptions_;
};

/// From here to the end of the scope nothing is done but wait for other ranks, within the phase that is on.
/// For waits that take long enough to be looked at; main thread only, as above.
class [[nodiscard]] WaitingFor {
 public:
  explicit WaitingFor(std::string_view what) noexcept;
  ~WaitingFor();
  WaitingFor(const WaitingFor&) = delete;
  WaitingFor& operator=(const WaitingFor&) = delete;

 private:
  VitalSigns before_;
  int exceptions_;
};

/// Work on this step begins. Main thread.
void note_step(std::uint64_t step) noexcept;
/// Something went on within the same activity (a block of a long file, a batch of a validation), so that the
/// watchdog sees that it does. Main thread.
void note_progress() noexcept;
/// How long the run is. Any thread.
void note_plan(std::uint64_t total_steps, std::uint64_t steps_per_epoch) noexcept;
/// The checkpoint of this step is complete on disk. Any thread.
void note_checkpoint(std::uint64_t step) noexcept;
/// How fast training goes. Any thread.
void note_images_per_second(double rate) noexcept;

/// Figures beside the activity.
struct VitalFigures {
  std::uint64_t total_steps = 0;      ///< 0 = not known
  std::uint64_t steps_per_epoch = 0;  ///< 0 = not known
  std::uint64_t checkpoint_step = 0;  ///< of the newest complete checkpoint; 0 = none yet
  double images_per_second = 0;       ///< 0 = not known
  std::uint64_t steps_done = 0;       ///< by this process
  double own_seconds = 0;             ///< spent in those steps on own work, waiting for data included
  double waited_seconds = 0;          ///< spent in those steps waiting for other ranks
};

/// What the main thread is at now. Any thread and signal handlers.
VitalSigns vital_signs() noexcept;
/// What it was doing when the exception that is being handled was thrown; vital_signs() when there was none.
VitalSigns failed_vital_signs() noexcept;
/// Any thread.
VitalFigures vital_figures() noexcept;
/// The activities begun last, oldest first. Any thread and signal handlers. @return how many, at most
/// kActivitiesKept
constexpr std::size_t kActivitiesKept = 64;
std::size_t recent_activities(std::span<VitalSigns, kActivitiesKept> into) noexcept;

}  // namespace annulus
