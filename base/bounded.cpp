// The thread and the caller share the flag, not the stack: whoever of them is last frees it.
#include "base/bounded.hpp"

#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace annulus {

struct BoundedWork::Progress {
  enum class State { running, done, failed };
  std::mutex mutex;
  std::condition_variable changed;
  State state = State::running;

  void become(State now) {
    const std::lock_guard lock(mutex);
    state = now;
    changed.notify_all();
  }
};

BoundedWork::BoundedWork(std::function<void()> work) : progress_(std::make_shared<Progress>()) {
  try {
    std::thread([progress = progress_, work = std::move(work)] {
      try {
        work();
      } catch (const std::exception&) {
        return progress->become(Progress::State::failed);
      }
      progress->become(Progress::State::done);
    }).detach();
  } catch (const std::system_error&) {
    progress_->become(Progress::State::failed);  // a process without threads is better off without this work
  }
}

bool BoundedWork::ended_within(double seconds) const {
  std::unique_lock lock(progress_->mutex);
  progress_->changed.wait_for(lock, std::chrono::duration<double>(seconds),
                              [&] { return progress_->state != Progress::State::running; });
  return progress_->state == Progress::State::done;
}

bool within(double seconds, std::function<void()> work) {
  return BoundedWork(std::move(work)).ended_within(seconds);
}

}  // namespace annulus
