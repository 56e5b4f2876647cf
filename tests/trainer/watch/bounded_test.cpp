// Questions to a lock service.
#include "trainer/watch/bounded.hpp"

#include <gtest/gtest.h>

namespace annulus::trainer {
namespace {

TEST(Bounded, ALockServiceIsTakenAtItsWord) {
  EXPECT_TRUE(lock_service_agrees([] { return true; }));
  EXPECT_FALSE(lock_service_agrees([] { return false; }));
}

}  // namespace
}  // namespace annulus::trainer
