// Two copies of the state, one thread, and a queue between them and the training.
#include "trainer/run/snapshot_worker.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include "base/log.hpp"

namespace annulus::trainer {

void SnapshotWorker::Copy::take(const StateView& state) {
  arenas.resize(state.arenas.size());
  view = state;
  for (std::size_t i = 0; i < arenas.size(); ++i) {
    arenas[i].assign(state.arenas[i].values.begin(), state.arenas[i].values.end());
    view.arenas[i].values = arenas[i];
  }
}

SnapshotWorker::SnapshotWorker() : thread_([this] { serve(); }) {}

SnapshotWorker::~SnapshotWorker() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  given_.notify_one();
  thread_.join();
  if (failure_ && !is_known_) log_warning("{}", failure_->what());
}

SnapshotWorker::Copy* SnapshotWorker::free_copy() {
  const auto free =
      std::find_if(copies_.begin(), copies_.end(), [](const Copy& copy) { return !copy.in_use; });
  return free == copies_.end() ? nullptr : &*free;
}

void SnapshotWorker::give(const StateView& state, Work work) {
  std::unique_lock lock(mutex_);
  if (failure_) return;
  if (free_copy() == nullptr && !std::exchange(has_waited_, true))
    log_debug(
        "training waits for the writing of an earlier state: checkpoints follow each other faster than the disk takes them");
  done_.wait(lock, [this] { return free_copy() != nullptr; });
  Copy* copy = free_copy();
  copy->in_use = true;
  lock.unlock();  // the copying itself holds up nobody
  copy->take(state);
  lock.lock();
  jobs_.push_back({copy, std::move(work)});
  given_.notify_one();
}

void SnapshotWorker::finish() {
  std::unique_lock lock(mutex_);
  done_.wait(lock, [this] { return idle(); });
  is_known_ = true;
  if (failure_) throw Error(*failure_);
}

std::optional<Error> SnapshotWorker::failure() {
  const std::lock_guard lock(mutex_);
  is_known_ = is_known_ || failure_.has_value();
  return failure_;
}

void SnapshotWorker::run(const Job& job) {
  std::optional<Error> failure;
  try {
    job.work(job.copy->view);
  } catch (const Error& error) {
    failure = error;
  } catch (const std::exception& error) {
    failure = RuntimeError("unexpected, while a checkpoint was written: {}", error.what());
  }
  const std::lock_guard lock(mutex_);
  if (!failure_) failure_ = failure;
}

void SnapshotWorker::serve() {
  std::unique_lock lock(mutex_);
  while (true) {
    given_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
    if (jobs_.empty()) return;
    const Job job = std::move(jobs_.front());
    jobs_.pop_front();
    working_ = true;
    // After a failure the rest is dropped: a checkpoint behind one that is missing would look like progress.
    const bool usable = !failure_;
    lock.unlock();
    if (usable) run(job);
    lock.lock();
    job.copy->in_use = false;
    working_ = false;
    done_.notify_all();
  }
}

}  // namespace annulus::trainer
