// Puts the parts together, and is what the rest of the program talks to.
#include "trainer/watch/job_watch.hpp"

#include <atomic>
#include <optional>
#include <utility>

#include "base/bounded.hpp"
#include "base/log.hpp"
#include "trainer/watch/crash_record.hpp"
#include "trainer/watch/crash_signals.hpp"
#include "trainer/watch/herald.hpp"
#include "trainer/watch/speech.hpp"
#include "trainer/watch/times.hpp"
#include "trainer/watch/watch_state.hpp"
#include "trainer/watch/watchdog.hpp"

namespace annulus::trainer {
struct JobWatch::Parts {
  explicit Parts(std::shared_ptr<WatchState> shared) : state(std::move(shared)), herald(state) {}

  std::shared_ptr<WatchState> state;
  Herald herald;
  std::optional<Watchdog> watchdog;  ///< ends before the herald
};

JobWatch::JobWatch(const WatchdogConfig& config, comm::MpiSession& mpi, std::vector<std::string> command_line)
    : mpi_(mpi), limit_before_(mpi.group().limit()) {
  parts_ = std::make_unique<Parts>(
      std::make_shared<WatchState>(meet(mpi.group(), mpi.world().host), config, std::move(command_line)));
  mpi.group().set_limit(comm::kNoLimit);
  if (config.enabled)
    parts_->watchdog.emplace(parts_->state, [&mpi](ExitCode code) { mpi.abort(code); });
  else if (mpi.world().rank == 0)
    log_warning(
        "the watchdog is off (watchdog.enabled: false): a rank that hangs or dies leaves the others waiting until somebody ends the job");
}

JobWatch::~JobWatch() {
  mpi_.group().set_limit(limit_before_);
  forget_crash_files();
}

void JobWatch::enter(const std::filesystem::path& run) {
  parts_->state->set_run(run);
  const Party& party = parts_->state->party;
  set_crash_files({.folder = (run / "crash").string(),
                   .host = party.self().host.data(),
                   .rank = party.rank,
                   .ranks = party.ranks()});
  parts_->herald.hurry();
}

void JobWatch::failing(const std::string& message, ExitCode code) noexcept {
  try {
    const std::shared_ptr<WatchState> state = parts_->state;
    state->exit_code = static_cast<int>(code);
    state->state = RankState::failed;
    if (parts_->watchdog) parts_->watchdog->expect_end(message, code);
    parts_->herald.hurry();
    const std::filesystem::path run = state->run();
    if (run.empty()) return;
    const CrashFacts facts{.message = message,
                           .exit_code = static_cast<int>(code),
                           .origin = state->party.rank,
                           .signs = failed_vital_signs()};
    const auto written = std::make_shared<std::atomic<bool>>(false);
    within(kSecondsToWrite, [=] { *written = write_crash_record(run / "crash", *state, facts); });
    if (!*written) log_debug("the crash record could not be written in {}", run.string());
  } catch (const std::exception& error) {
    log_debug("the crash record could not be written: {}", error.what());  // the error itself is what counts
  }
}

bool JobWatch::speaks_first() noexcept {
  try {
    const auto first = std::make_shared<std::atomic<bool>>(true);
    within(kSecondsToClaim, [first, state = parts_->state] { *first = claim_speech(*state); });
    return *first;
  } catch (const std::exception&) {
    return true;  // told twice is better than not at all
  }
}

void JobWatch::ended(ExitCode code) noexcept {
  parts_->watchdog.reset();
  parts_->state->exit_code = static_cast<int>(code);
  parts_->state->state = RankState::ended;
}

}  // namespace annulus::trainer
