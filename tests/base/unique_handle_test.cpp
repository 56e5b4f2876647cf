// A handle is closed exactly once, whoever owned it in between.
#include "base/unique_handle.hpp"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace annulus {
namespace {

std::vector<int> closed;

struct Traits {
  using type = int;
  static constexpr type null = -1;
  static void close(type handle) noexcept { closed.push_back(handle); }
};
using Handle = UniqueHandle<Traits>;

class UniqueHandleTest : public testing::Test {
 protected:
  void SetUp() override { closed.clear(); }
};

TEST_F(UniqueHandleTest, ClosesOnceAfterMoves) {
  {
    Handle first(5);
    Handle second(std::move(first));
    Handle third;
    third = std::move(second);
    EXPECT_TRUE(third);
    EXPECT_EQ(third.get(), 5);
    EXPECT_TRUE(closed.empty());
  }

  EXPECT_EQ(closed, std::vector{5});
}

TEST_F(UniqueHandleTest, AssignmentClosesTheOldHandle) {
  Handle handle(1);

  handle = Handle(2);

  EXPECT_EQ(closed, std::vector{1});
  EXPECT_EQ(handle.get(), 2);
}

TEST_F(UniqueHandleTest, ReleaseAndNullCloseNothing) {
  {
    Handle released(3);
    EXPECT_EQ(released.release(), 3);
    const Handle null(Traits::null);
    EXPECT_FALSE(null);
  }

  EXPECT_TRUE(closed.empty());
}

}  // namespace
}  // namespace annulus
