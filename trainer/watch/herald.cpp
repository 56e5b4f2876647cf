// One thread for everything that touches the run directory. It is detached, and owns a share of all that it
// uses: a program can end while it hangs.
#include "trainer/watch/herald.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <fstream>
#include <set>
#include <thread>
#include <utility>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "io/files/descriptor.hpp"
#include "io/files/life_lock.hpp"
#include "trainer/watch/bounded.hpp"
#include "trainer/watch/crash_record.hpp"
#include "trainer/watch/slow_ranks.hpp"
#include "trainer/watch/step_average.hpp"
#include "trainer/watch/times.hpp"

namespace annulus::trainer {
namespace {

/// Ranks so few that each may read all files at once when a wait begins, without harm to the file system.
constexpr int kFewRanks = 64;
constexpr double kGoodbyeSeconds = 2;
/// So many heartbeats long at most, ranks that are few look for the locks of the others until they have seen
/// all of them: only a lock that was seen can be missed.
constexpr std::uint64_t kBeatsOfIntroduction = 6;

double resident_mb() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t total = 0;
  std::uint64_t resident = 0;
  file >> total >> resident;
  return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE)) / 1e6;
}

}  // namespace

struct Herald::Impl {
  explicit Impl(std::shared_ptr<WatchState> shared) : state(std::move(shared)) {}

  void run() {
    while (!pause()) {
      const std::filesystem::path run_directory = state->run();
      if (run_directory.empty()) continue;
      const double time = steady_seconds();
      if (time - beat_at >= kBeatSeconds) beat(run_directory);
      look_around(run_directory, time);
    }
    if (const std::filesystem::path run_directory = state->run(); !run_directory.empty()) beat(run_directory);
    const std::lock_guard lock(mutex);
    done = true;
    ended.notify_all();
  }

  /// @return whether it is time to stop
  bool pause() {
    std::unique_lock lock(mutex);
    wake.wait_for(lock, std::chrono::duration<double>(kPollSeconds), [&] { return stopping || hurried; });
    if (std::exchange(hurried, false)) beat_at = 0;
    return stopping;
  }

  void beat(const std::filesystem::path& run_directory) {
    beat_at = steady_seconds();
    const bool is_new = !*file;
    if (is_new)
      *file = io::Descriptor(open(heartbeat_file(run_directory / "heartbeats", state->party.rank).c_str(),
                                  O_CREAT | O_RDWR | O_CLOEXEC, 0666));
    const std::string line = to_line(now());
    const bool written =
        *file && pwrite(file->get(), line.data(), line.size(), 0) == static_cast<ssize_t>(line.size());
    if (is_new && written && is_spread) lock();
    if (!written && !std::exchange(complained, true))
      log_warning(
          "the heartbeat of rank {} cannot be written in {}: the others and `annulus status` do not see what it does. Is the disk full?",
          state->party.rank, (run_directory / "heartbeats").string());
  }

  /// A lock service that hangs costs two seconds once, and the ranks of other hosts their view of this one.
  void lock() {
    has_locked = lock_service_agrees([kept = file] { return io::lock_while_open(kept->get()); });
  }

  Heartbeat now() {
    const VitalSigns signs = vital_signs();
    const VitalFigures figures = vital_figures();
    const ProcessIdentity& self = state->party.self();
    return {.start = state->party.start,
            .rank = state->party.rank,
            .ranks = state->party.ranks(),
            .host = self.host.data(),
            .process = self.process,
            .process_started = self.started,
            .place = self.place,
            .state = state->state,
            .exit_code = state->exit_code,
            .phase = signs.phase,
            .waiting = signs.waiting,
            .step = signs.step,
            .text = signs.text.data(),
            .quiet_seconds = state->quiet_seconds,
            .limit_seconds = state->limit_seconds,
            .time = unix_seconds(),
            .beats = ++beats,
            .own_step_seconds = average.add(figures),
            .images_per_second = figures.images_per_second,
            .checkpoint_step = figures.checkpoint_step,
            .total_steps = figures.total_steps,
            .steps_per_epoch = figures.steps_per_epoch,
            .resident_mb = resident_mb()};
  }

  /// Reads the others' files when they matter: in the beginning, while this rank waits, and now and then on
  /// rank 0, which looks for ranks that hold the others up.
  void look_around(const std::filesystem::path& run_directory, double time) {
    const bool few = state->party.ranks() <= kFewRanks;
    const bool introduces =
        has_locked && few && beats <= kBeatsOfIntroduction && !state->peers.has_seen_all_locks();
    const bool looks_for_slow = state->party.rank == 0 && time - slow_checked >= kSlowCheckSeconds;
    const bool first_look = state->wants_peers && !wanted_peers;
    wanted_peers = state->wants_peers;
    const double rest = kBeatSeconds + kReadSecondsPerRank * state->party.ranks();
    if (state->party.ranks() == 1 || !(introduces || looks_for_slow || wanted_peers)) return;
    if (time - read_at < rest && !introduces && !(first_look && few)) return;
    const auto heartbeats = read_heartbeats(run_directory / "heartbeats");
    state->peers.update(heartbeats, read_failures(run_directory / "crash"), steady_seconds());
    if (has_locked) state->peers.update_locks(locks_elsewhere(run_directory / "heartbeats"));
    read_at = steady_seconds();
    if (!looks_for_slow) return;
    slow_checked = time;
    warn_of_slow(time);
  }

  std::set<int> locks_elsewhere(const std::filesystem::path& folder) const {
    std::set<int> held;
    for (int rank = 0; rank < state->party.ranks(); ++rank)
      if (!state->party.is_here(rank) && io::is_locked(heartbeat_file(folder, rank))) held.insert(rank);
    return held;
  }

  void warn_of_slow(double time) {
    const auto slow = find_slow(state->peers.heartbeats());
    const bool again = slow && slow->rank == suspect;  // once is chance: a backup, a neighbour
    suspect = slow ? slow->rank : -1;
    if (!again || time - slow_warned < kSlowWarningSeconds) return;
    slow_warned = time;
    post_notice(describe(*slow));
    log_warning("{}. Look what else runs there, at its clock rate and its temperature.", describe(*slow));
  }

  std::shared_ptr<WatchState> state;
  const bool is_spread = !state->party.all_are_here();  ///< over several hosts
  std::shared_ptr<io::Descriptor> file = std::make_shared<io::Descriptor>();
  bool has_locked = false;
  StepAverage average;
  std::uint64_t beats = 0;
  bool complained = false;
  bool wanted_peers = false;
  double beat_at = 0;
  double read_at = 0;
  double slow_checked = steady_seconds();
  int suspect = -1;  ///< rank that was slow at the last check
  double slow_warned = -kSlowWarningSeconds;

  std::mutex mutex;
  std::condition_variable wake;
  std::condition_variable ended;
  bool hurried = false;
  bool stopping = false;
  bool done = false;
};

Herald::Herald(std::shared_ptr<WatchState> state) : impl_(std::make_shared<Impl>(std::move(state))) {
  std::thread([impl = impl_] { impl->run(); }).detach();
}

Herald::~Herald() {
  std::unique_lock lock(impl_->mutex);
  impl_->stopping = true;
  impl_->wake.notify_all();
  impl_->ended.wait_for(lock, std::chrono::duration<double>(kGoodbyeSeconds), [&] { return impl_->done; });
}

void Herald::hurry() {
  const std::lock_guard lock(impl_->mutex);
  impl_->hurried = true;
  impl_->wake.notify_all();
}

}  // namespace annulus::trainer
