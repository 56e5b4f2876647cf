// One thread per rank that sees to it that a job with a rank that hangs or has died comes to an end.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "trainer/watch/silence_limits.hpp"
#include "trainer/watch/verdict.hpp"
#include "trainer/watch/watch_state.hpp"

namespace annulus::trainer {

class Watchdog {
 public:
  /// Ends the job with a code, from any thread, without coming back.
  using Abort = std::function<void(ExitCode)>;

  /// @param clock  seconds that never go back; tests have their own
  Watchdog(std::shared_ptr<WatchState> state, Abort abort, std::function<double()> clock = steady_seconds);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  /// This rank has failed and shall end by itself; if it does not soon, the watchdog says this and ends it.
  void expect_end(const std::string& message, ExitCode code);

 private:
  void run();
  void look(double passed);
  void learn(double passed);
  OwnView own_view(const VitalSigns& signs) const;
  void warn(const OwnView& own, const VitalSigns& signs);
  bool held_by_debugger(const std::vector<PeerView>& peers);
  void check_end();
  void trip(const OwnView& own, const std::vector<PeerView>& peers, const Blame& verdict);
  void end_job(const std::string& message, int origin, ExitCode code);

  std::shared_ptr<WatchState> state_;
  Abort abort_;
  std::function<double()> clock_;
  SilenceLimits limits_;
  VitalSigns signs_;              ///< as last seen
  VitalFigures figures_;          ///< as last learned from
  double quiet_ = 0;              ///< seconds in which this thread ran and saw no change
  std::atomic<double> awake_{0};  ///< seconds in which this thread ran
  bool warned_ = false;
  bool debugger_named_ = false;

  std::mutex mutex_;  ///< guards what follows
  std::condition_variable wake_;
  bool stopping_ = false;
  std::string failure_;
  ExitCode failure_code_ = ExitCode::failure;
  double failed_at_ = -1;  ///< of awake_; below 0: has not failed

  std::thread thread_;
};

}  // namespace annulus::trainer
