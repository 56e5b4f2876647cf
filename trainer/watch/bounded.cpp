// The thread and the caller share the flag, not the stack: whoever of them is last frees it.
#include "trainer/watch/bounded.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace annulus::trainer {
namespace {

struct Progress {
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;
};

}  // namespace

bool within(double seconds, std::function<void()> work) {
  const auto progress = std::make_shared<Progress>();
  try {
    std::thread([progress, work = std::move(work)] {
      try {
        work();
      } catch (const std::exception&) {
        return;  // as if it had not ended in time: the caller goes on without it
      }
      const std::lock_guard lock(progress->mutex);
      progress->done = true;
      progress->changed.notify_one();
    }).detach();
  } catch (const std::system_error&) {
    return false;  // no thread to be had; a process in that state is better off without this work
  }
  std::unique_lock lock(progress->mutex);
  return progress->changed.wait_for(lock, std::chrono::duration<double>(seconds),
                                    [&] { return progress->done; });
}

bool lock_service_agrees(std::function<bool()> question) {
  constexpr double kSecondsToAnswer = 2;
  const auto answer = std::make_shared<std::atomic<bool>>(false);
  within(kSecondsToAnswer, [answer, question = std::move(question)] { *answer = question(); });
  return *answer;
}

}  // namespace annulus::trainer
