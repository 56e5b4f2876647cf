// A fixed set of worker threads that run one job together; the calling thread is worker 0 and takes part.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace annulus {

class WorkerPool {
 public:
  /// @param workers  number of threads that take part, the caller included; at least 1.
  explicit WorkerPool(int workers);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  int size() const { return static_cast<int>(threads_.size()) + 1; }

  /// Runs job(worker) once on every worker, worker in [0, size()), and returns when all have finished. One
  /// job at a time: neither from two threads at once nor from inside a job.
  /// @throws the first exception a worker threw, after all have finished.
  void run(const std::function<void(int worker)>& job);

  /// Splits [0, count) into equal chunks of `chunk` elements and runs body(begin, end) over them on all
  /// workers. The chunk borders do not depend on the number of workers. An exception ends its worker's share;
  /// it is thrown after the others have finished.
  /// @pre chunk > 0
  void for_chunks(std::size_t count, std::size_t chunk,
                  const std::function<void(std::size_t begin, std::size_t end)>& body);

 private:
  void serve(int worker);
  void stop();
  void run_one(int worker);

  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::condition_variable start_;
  std::condition_variable finished_;
  const std::function<void(int)>* job_ = nullptr;
  std::uint64_t round_ = 0;
  int running_ = 0;
  bool stopping_ = false;
  std::exception_ptr error_;
};

}  // namespace annulus
