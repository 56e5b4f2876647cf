// What the threads that watch over a rank share: the watchdog, which touches no files, and the herald, which
// may hang on them and be left behind.
#pragma once

#include <atomic>
#include <filesystem>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "trainer/model/config.hpp"
#include "trainer/watch/peer_table.hpp"

namespace annulus::trainer {

struct WatchState {
  WatchState(Party all, WatchdogConfig limits, std::vector<std::string> words)
      : party(std::move(all)), config(limits), command_line(std::move(words)) {}

  const Party party;
  const WatchdogConfig config;
  const std::vector<std::string> command_line;
  PeerTable peers{party};

  std::atomic<double> quiet_seconds{0};  ///< by the watchdog: since the main thread's last sign of progress
  std::atomic<double> limit_seconds{0};  ///< by the watchdog: for the phase that is on
  std::atomic<bool> wants_peers{false};  ///< by the watchdog: the others' heartbeats matter now
  std::atomic<RankState> state{RankState::running};
  std::atomic<int> exit_code{0};

  /// The run directory, as soon as there is one for all ranks; empty before.
  std::filesystem::path run() const {
    const std::lock_guard lock(mutex_);
    return run_;
  }
  void set_run(const std::filesystem::path& run) {
    const std::lock_guard lock(mutex_);
    run_ = run;
  }

 private:
  mutable std::mutex mutex_;
  std::filesystem::path run_;
};

}  // namespace annulus::trainer
