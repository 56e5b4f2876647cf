// Work that may hang.
#include "base/bounded.hpp"

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <stdexcept>

namespace annulus {
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
  EXPECT_FALSE(within(kLong, [] { throw std::runtime_error("no"); }));
}

TEST(Bounded, TheCallerMayDoSomethingMeanwhile) {
  std::promise<void> end;
  const BoundedWork work([until = end.get_future().share()] { until.wait(); });

  EXPECT_FALSE(work.ended_within(0));
  end.set_value();
  EXPECT_TRUE(work.ended_within(kLong));
}

}  // namespace
}  // namespace annulus
