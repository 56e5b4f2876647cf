// Worker threads sleep on a condition variable between jobs, so idle ranks leave the cores to others.
#include "base/worker_pool.hpp"

#include <algorithm>
#include <atomic>
#include <system_error>
#include <utility>

#include "base/error.hpp"

namespace annulus {

WorkerPool::WorkerPool(int workers) {
  expect_contract(workers >= 1, "a worker pool has at least one worker");
  try {
    for (int worker = 1; worker < workers; ++worker) threads_.emplace_back([this, worker] { serve(worker); });
  } catch (const std::system_error& error) {
    stop();
    throw RuntimeError(
        "Only {} of {} worker threads could be started ({}). Ask for fewer threads, or raise the limit of processes ('ulimit -u').",
        threads_.size() + 1, workers, error.what());
  }
}

WorkerPool::~WorkerPool() { stop(); }

void WorkerPool::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  start_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void WorkerPool::run_one(int worker) {
  try {
    (*job_)(worker);
  } catch (...) {
    const std::lock_guard lock(mutex_);
    if (!error_) error_ = std::current_exception();
  }
}

void WorkerPool::serve(int worker) {
  // Rounds are counted rather than flagged, so a thread that wakes late, or for nothing, cannot do a job
  // twice.
  std::uint64_t seen = 0;
  while (true) {
    {
      std::unique_lock lock(mutex_);
      start_.wait(lock, [&] { return stopping_ || round_ != seen; });
      if (stopping_) return;
      seen = round_;
    }
    run_one(worker);
    const std::lock_guard lock(mutex_);
    if (--running_ == 0) finished_.notify_one();
  }
}

void WorkerPool::run(const std::function<void(int)>& job) {
  {
    const std::lock_guard lock(mutex_);
    expect_contract(job_ == nullptr, "a worker pool runs one job at a time");
    job_ = &job;
    running_ = static_cast<int>(threads_.size());
    ++round_;
  }
  start_.notify_all();
  run_one(0);
  std::unique_lock lock(mutex_);
  finished_.wait(lock, [&] { return running_ == 0; });
  job_ = nullptr;
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

void WorkerPool::for_chunks(std::size_t count, std::size_t chunk,
                            const std::function<void(std::size_t, std::size_t)>& body) {
  expect_contract(chunk > 0, "chunks are not empty");
  // Who takes which chunk is left to chance, for balance; so `body` must not let it show (no sums across
  // chunks).
  std::atomic<std::size_t> next{0};
  run([&](int) {
    for (std::size_t begin = 0; (begin = next.fetch_add(chunk)) < count;)
      body(begin, std::min(begin + chunk, count));
  });
}

}  // namespace annulus
