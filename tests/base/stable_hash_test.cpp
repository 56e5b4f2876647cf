// The hash that travels, against the values its authors publish.
#include "base/stable_hash.hpp"

#include <gtest/gtest.h>

namespace annulus {
namespace {

// Test vectors of fnv_1a_64 in test_fnv.c, isthe.com/chongo/src/fnv.
TEST(StableHash, HasThePublishedValues) {
  EXPECT_EQ(stable_hash(""), 0xcbf29ce484222325u);
  EXPECT_EQ(stable_hash("a"), 0xaf63dc4c8601ec8cu);
  EXPECT_EQ(stable_hash("foobar"), 0x85944171f73967e8u);
}

TEST(StableHash, TakesBytesAsUnsigned) {
  // One byte 0xff: (basis ^ 0xff) * prime, where a char with a sign would change all bits above it, too.
  EXPECT_EQ(stable_hash("\xff"), (0xcbf29ce484222325u ^ 0xffu) * 0x100000001b3u);
}

}  // namespace
}  // namespace annulus
