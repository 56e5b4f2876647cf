// The thread itself touches no files but /proc, takes no lock that the main thread may hold, and calls
// nothing of MPI or CUDA but the last call. Everything that may hang is done elsewhere, for a bounded time.
#include "trainer/watch/watchdog.hpp"

#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/blocked_calls.hpp"
#include "base/bounded.hpp"
#include "base/log.hpp"
#include "base/printable.hpp"
#include "base/stop_request.hpp"
#include "trainer/watch/crash_record.hpp"
#include "trainer/watch/last_words.hpp"
#include "trainer/watch/speech.hpp"
#include "trainer/watch/times.hpp"

namespace annulus::trainer {
namespace {

/// Whether a little patience may tell where the dead rank was. Not longer than kWaitToRead: the launcher ends
/// this process soon, and to say who has died is more than to say where.
bool should_wait_for_heartbeat(const WatchState& state, const Blame& verdict, const OwnView& own,
                               const std::vector<PeerView>& peers) {
  if (verdict.cause != Cause::gone || state.run().empty() || own.quiet_seconds > kWaitToRead) return false;
  return std::any_of(peers.begin(), peers.end(),
                     [&](const auto& peer) { return peer.rank == verdict.rank && !peer.last; });
}

void write_to_terminal(const std::string& message) {
  const std::string line = (isatty(STDERR_FILENO) != 0 ? "\n" : "") + printable(message) + "\n";
  const ssize_t written = write(STDERR_FILENO, line.data(), line.size());
  static_cast<void>(written);  // nobody is left to hear of it
}

}  // namespace

Watchdog::Watchdog(std::shared_ptr<WatchState> state, Abort abort, std::function<double()> clock)
    : state_(std::move(state)),
      abort_(std::move(abort)),
      clock_(std::move(clock)),
      limits_(state_->config),
      signs_(vital_signs()),
      figures_(vital_figures()),
      thread_([this] { run(); }) {}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

/// Counts only time in which this thread ran: after a stop of the process (SIGSTOP, a debugger) the clock has
/// gone on, but the main thread has had no chance to make progress.
void Watchdog::run() {
  double last = clock_();
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, std::chrono::duration<double>(kLookSeconds), [&] { return stopping_; })) {
    lock.unlock();
    const double now = clock_();
    look(std::min(now - last, kLongestLook));
    last = now;
    lock.lock();
  }
}

OwnView Watchdog::own_view(const VitalSigns& signs) const {
  return {.rank = state_->party.rank,
          .phase = signs.phase,
          .waiting = signs.waiting,
          .quiet_seconds = quiet_,
          .limit_seconds = limits_.of(signs.phase)};
}

void Watchdog::look(double passed) {
  awake_ += passed;
  learn(passed);
  check_end();
  const OwnView own = own_view(signs_);
  state_->quiet_seconds = own.quiet_seconds;
  state_->limit_seconds = own.limit_seconds;
  const bool waits = own.waiting && own.quiet_seconds > kWaitBeforeLook;
  state_->wants_peers = waits;
  // Once a launcher says that it is over, there is about a second left to find out why.
  const bool ending = stop_requested();
  const auto peers =
      state_->peers.view(steady_seconds(), waits || ending ? PeerTable::Look::yes : PeerTable::Look::no);
  if (waits && held_by_debugger(peers)) return;
  const VerdictRules rules{
      .stopped_seconds = state_->config.least_seconds,
      .grace_seconds = kGraceSeconds,
      .silence_seconds = state_->config.silence_seconds,
      .unknown_seconds = std::max(state_->config.start_seconds, state_->config.save_seconds)};
  const auto verdict = judge(own, peers, rules);
  if (verdict && !should_wait_for_heartbeat(*state_, *verdict, own, peers)) return trip(own, peers, *verdict);
  if (ending)
    if (const auto gone = find_gone(peers)) return trip(own, peers, *gone);
  warn(own, signs_);
}

/// Progress is any change of the main thread's notes, whatever it says: a counter that stands still is what
/// hanging looks like from outside.
void Watchdog::learn(double passed) {
  const VitalSigns signs = vital_signs();
  if (signs.changes == signs_.changes) {
    quiet_ += passed;
  } else {
    if (!signs_.waiting) limits_.learn_silence(signs_.phase, quiet_);
    quiet_ = 0;
    warned_ = false;
  }
  signs_ = signs;
  const VitalFigures figures = vital_figures();
  const std::uint64_t steps = figures.steps_done - figures_.steps_done;
  if (steps == 0) return;
  // Several steps may have ended since the last look: each counts with their mean. More than SilenceLimits
  // keeps would only push each other out.
  const double before = figures_.own_seconds + figures_.waited_seconds;
  const double seconds = (figures.own_seconds + figures.waited_seconds - before) / static_cast<double>(steps);
  for (std::uint64_t i = 0; i < std::min<std::uint64_t>(steps, 64); ++i) limits_.learn_step(seconds);
  figures_ = figures;
}

/// A rank that a person steps through is not a reason to end the job; what is waited for it does not count.
bool Watchdog::held_by_debugger(const std::vector<PeerView>& peers) {
  const auto held =
      std::find_if(peers.begin(), peers.end(), [](const auto& peer) { return peer.life == Life::traced; });
  if (held == peers.end()) return false;
  quiet_ = 0;
  if (!std::exchange(debugger_named_, true))
    within(kSecondsToSpeak, [rank = held->rank] {
      log_warning("rank {} is held by a debugger: the watchdog does not count the time of its stops", rank);
    });
  return true;
}

void Watchdog::warn(const OwnView& own, const VitalSigns& signs) {
  if (warned_ || own.quiet_seconds < 0.5 * own.limit_seconds) return;
  if (own.waiting && own.rank != 0) return;  // all of them wait alike; one is enough to say so
  warned_ = true;
  const std::string place = where(signs.step, signs.phase, signs.text.data());
  const bool waiting = own.waiting;
  within(kSecondsToSpeak, [own, place, waiting] {
    log_warning("rank {} {} for {:.0f} s at {}; the job ends when nothing happens for {:.0f} s.", own.rank,
                waiting ? "has waited" : "shows no progress", own.quiet_seconds, place,
                own.limit_seconds + (waiting ? kGraceSeconds : 0));
  });
}

void Watchdog::expect_end(const std::string& message, ExitCode code) {
  const std::lock_guard lock(mutex_);
  failure_ = message;
  failure_code_ = code;
  if (failed_at_ < 0) failed_at_ = awake_;
}

void Watchdog::check_end() {
  std::string message;
  ExitCode code = ExitCode::failure;
  {
    const std::lock_guard lock(mutex_);
    if (failed_at_ < 0 || awake_ - failed_at_ < kSecondsToEnd) return;
    message = failure_;
    code = failure_code_;
  }
  const auto blocked = blocked_file_calls(kSecondsToBeStuck);
  const std::string stuck = blocked.empty() ? "" : fmt::format(", stuck in: {}", fmt::join(blocked, ", "));
  end_job(fmt::format("{} (and then hung while it was ending{})", message, stuck), state_->party.rank, code);
}

void Watchdog::trip(const OwnView& own, const std::vector<PeerView>& peers, const Blame& verdict) {
  LastWords facts{
      .state = *state_, .own = own, .peers = peers, .signs = signs_, .limit_key = limits_.key_of(own.phase)};
  if (verdict.rank == own.rank) facts.blocked = blocked_file_calls(kSecondsToBeStuck);
  if (const auto run = state_->run(); !run.empty()) {
    const auto newest = std::make_shared<std::atomic<std::uint64_t>>(0);
    if (within(kSecondsToList, [=] { *newest = newest_checkpoint(run); })) facts.listed_checkpoint = *newest;
  }
  const ExitCode code = verdict.rank == own.rank ? ExitCode::watchdog : ExitCode::peer;
  end_job(last_words(facts, verdict), verdict.rank, code);
}

void Watchdog::end_job(const std::string& message, int origin, ExitCode code) {
  // All that follows is shared with threads that may outlast this call.
  const std::shared_ptr<WatchState> state = state_;
  const std::filesystem::path run = state->run();
  const auto first = std::make_shared<std::atomic<bool>>(true);
  within(kSecondsToClaim, [=] { *first = claim_speech(*state); });
  const std::string said = fmt::format("{} The job ends with code {}.", message, static_cast<int>(code));
  if (*first) within(kSecondsToSpeak, [=] { write_to_terminal(fmt::format("error: {}", said)); });
  const CrashFacts facts{
      .message = said, .exit_code = static_cast<int>(code), .origin = origin, .signs = signs_};
  within(kSecondsToSpeak, [=] {
    if (!run.empty()) write_crash_record(run / "crash", *state, facts);
    log_debug("{}", said);  // for the rank's own file: the terminal has had its one message
  });
  abort_(code);
}

}  // namespace annulus::trainer
