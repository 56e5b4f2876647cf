// A lock service that has no answer is taken to say no.
#include <gtest/gtest.h>

#include <stdexcept>

#include "trainer/watch/bounded.hpp"

namespace annulus::trainer {
namespace {

TEST(LockService, ThatFailsToAnswerSaysNo) {
  EXPECT_FALSE(lock_service_agrees([]() -> bool { throw std::runtime_error("no locks available"); }));
}

}  // namespace
}  // namespace annulus::trainer
