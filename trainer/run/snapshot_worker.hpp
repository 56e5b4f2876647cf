// Work on the state of a step that goes on while the next steps are trained: writing a checkpoint, hashing
// tensors. Training waits only while the state is copied.
#pragma once

#include <array>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "base/error.hpp"
#include "trainer/loop/state_view.hpp"

namespace annulus::trainer {

/// One thread that does all work in the order in which it was given. Copies are made in buffers that are
/// allocated when first needed and used again. Its methods are for one other thread.
class SnapshotWorker {
 public:
  /// What is done with a copy of the state; runs on the worker's thread.
  using Work = std::function<void(const StateView& copy)>;

  SnapshotWorker();
  /// Finishes what was given and joins the thread. A failure that nobody has asked for is logged.
  ~SnapshotWorker();
  SnapshotWorker(const SnapshotWorker&) = delete;
  SnapshotWorker& operator=(const SnapshotWorker&) = delete;

  /// Copies the state and returns; waits first while all copies are in use. After a failure nothing is done.
  void give(const StateView& state, Work work);
  /// Waits until everything given is done. @throws the failure, if there is one
  void finish();
  /// The first error of any work.
  std::optional<Error> failure();

 private:
  /// Two, so that a state can be hashed while an earlier one is still being written.
  static constexpr std::size_t kCopies = 2;

  struct Copy {
    std::vector<std::vector<float>> arenas;
    StateView view;
    bool in_use = false;
    void take(const StateView& state);
  };
  struct Job {
    Copy* copy;
    Work work;
  };

  void serve();
  void run(const Job& job);
  Copy* free_copy();
  bool idle() const { return jobs_.empty() && !working_; }

  std::mutex mutex_;
  std::condition_variable given_;
  std::condition_variable done_;
  std::array<Copy, kCopies> copies_;
  std::deque<Job> jobs_;
  std::optional<Error> failure_;
  bool is_known_ = false;  ///< the caller has been told of the failure
  bool working_ = false;
  bool stopping_ = false;
  bool has_waited_ = false;
  std::thread thread_;  ///< last: it uses all of the above
};

}  // namespace annulus::trainer
