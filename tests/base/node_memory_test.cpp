// The plain block behaves as the shared one with a single rank.
#include "base/node_memory.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace annulus {
namespace {

TEST(PrivateMemory, IsOnePartOfTheSizeAskedFor) {
  const auto memory = make_private_memory(1000);

  ASSERT_EQ(memory->bytes().size(), 1000u);
  EXPECT_EQ(memory->part(), 0);
  EXPECT_EQ(memory->parts(), 1);
  std::ranges::fill(memory->bytes(), std::byte{7});
  memory->synchronise();
  EXPECT_EQ(memory->bytes()[999], std::byte{7});
}

TEST(PrivateMemory, MayBeEmpty) { EXPECT_TRUE(make_private_memory(0)->bytes().empty()); }

}  // namespace
}  // namespace annulus
