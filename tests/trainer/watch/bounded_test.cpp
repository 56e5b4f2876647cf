// Work that may hang, and questions to a lock service.
#include "trainer/watch/bounded.hpp"

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <stdexcept>

namespace annulus::trainer {
namespace {

constexpr double kLong = 600;  // seconds: never reached

TEST(Bounded, WorkThatEndsHasEnded) {
  bool done = false;

  EXPECT_TRUE(within(kLong, [&done] { done = true; }));

  EXPECT_TRUE(done);
}

TEST(Bounded, WorkThatHangsIsLeftBehind) {
  std::promise<void> end;
  const auto ended = std::make_shared<std::promise<void>>();

  EXPECT_FALSE(within(0.01, [until = end.get_future().share(), ended] {
    until.wait();
    ended->set_value();
  }));

  end.set_value();
  ended->get_future().wait();
}

TEST(Bounded, WorkThatThrowsIsAsIfItHung) {
  EXPECT_FALSE(within(0.01, [] { throw std::runtime_error("no"); }));
}

TEST(Bounded, ALockServiceIsTakenAtItsWord) {
  EXPECT_TRUE(lock_service_agrees([] { return true; }));
  EXPECT_FALSE(lock_service_agrees([] { return false; }));
}

}  // namespace
}  // namespace annulus::trainer
