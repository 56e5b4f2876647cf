// Worker threads: everybody takes part, exceptions come home, chunks cover exactly.
#include "base/worker_pool.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace annulus {
namespace {

TEST(WorkerPool, RunsTheJobOnceOnEveryWorker) {
  for (const int size : {1, 2, 5}) {
    WorkerPool pool(size);
    ASSERT_EQ(pool.size(), size);

    for (int round = 0; round < 50; ++round) {
      std::vector<std::atomic<int>> calls(static_cast<std::size_t>(size));
      pool.run([&](int worker) { ++calls[static_cast<std::size_t>(worker)]; });
      EXPECT_TRUE(std::ranges::all_of(calls, [](const auto& count) { return count == 1; }));
    }
  }
}

TEST(WorkerPool, MakesTheCallerWorkerZero) {
  WorkerPool pool(3);
  std::thread::id zero;

  pool.run([&](int worker) {
    if (worker == 0) zero = std::this_thread::get_id();
  });

  EXPECT_EQ(zero, std::this_thread::get_id());
}

TEST(WorkerPool, RethrowsAfterAllHaveFinished) {
  WorkerPool pool(4);
  for (const int thrower : {0, 3}) {
    std::atomic<int> finished{0};
    std::string message;

    try {
      pool.run([&](int worker) {
        if (worker == thrower) throw std::runtime_error("worker " + std::to_string(worker));
        ++finished;
      });
    } catch (const std::runtime_error& error) {
      message = error.what();
    }

    EXPECT_EQ(message, "worker " + std::to_string(thrower));
    EXPECT_EQ(finished, 3);
  }
  EXPECT_NO_THROW(pool.run([](int) {})) << "the error of an earlier job must not come back";
}

TEST(WorkerPool, RefusesAJobInsideAJob) {
  WorkerPool pool(2);

  EXPECT_THROW(pool.run([&](int worker) {
    if (worker == 0) pool.run([](int) {});
  }),
               std::logic_error);
  EXPECT_THROW(WorkerPool(0), std::logic_error);
}

std::set<std::pair<std::size_t, std::size_t>> chunks_of(std::size_t count, std::size_t chunk, int workers) {
  WorkerPool pool(workers);
  std::mutex mutex;
  std::set<std::pair<std::size_t, std::size_t>> chunks;
  pool.for_chunks(count, chunk, [&](std::size_t begin, std::size_t end) {
    const std::lock_guard lock(mutex);
    EXPECT_TRUE(chunks.emplace(begin, end).second) << "chunk " << begin << " came twice";
  });
  return chunks;
}

TEST(WorkerPool, CutsChunksAtTheSamePlacesForAnyWorkers) {
  const std::set<std::pair<std::size_t, std::size_t>> expected{{0, 4}, {4, 8}, {8, 10}};
  for (const int workers : {1, 2, 3, 8}) EXPECT_EQ(chunks_of(10, 4, workers), expected);

  EXPECT_EQ(chunks_of(8, 4, 2), (std::set<std::pair<std::size_t, std::size_t>>{{0, 4}, {4, 8}}));
  EXPECT_EQ(chunks_of(3, 100, 2), (std::set<std::pair<std::size_t, std::size_t>>{{0, 3}}));
  EXPECT_TRUE(chunks_of(0, 4, 2).empty());
}

TEST(WorkerPool, RethrowsFromChunks) {
  WorkerPool pool(2);

  EXPECT_THROW(pool.for_chunks(100, 1,
                               [](std::size_t begin, std::size_t) {
                                 if (begin == 50) throw std::runtime_error("chunk 50");
                               }),
               std::runtime_error);
  EXPECT_THROW(pool.for_chunks(1, 0, [](std::size_t, std::size_t) {}), std::logic_error);
}

}  // namespace
}  // namespace annulus
