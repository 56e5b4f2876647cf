// The answer is shared with the thread, which may outlive the question.
#include "trainer/watch/bounded.hpp"

#include <atomic>
#include <memory>
#include <utility>

namespace annulus::trainer {

bool lock_service_agrees(std::function<bool()> question) {
  constexpr double kSecondsToAnswer = 2;
  const auto answer = std::make_shared<std::atomic<bool>>(false);
  within(kSecondsToAnswer, [answer, question = std::move(question)] { *answer = question(); });
  return *answer;
}

}  // namespace annulus::trainer
