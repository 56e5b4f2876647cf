// One rank of a host speaks for its job, another for the next job.
#include "comm/ranks/speech.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

namespace annulus::comm {
namespace {

TEST(Speech, IsThatOfTheFirstOfAJobOnAHost) {
  const auto start = static_cast<std::uint64_t>(getpid()) << 32 | 7;  // no other test asks with it

  EXPECT_TRUE(speaks_first_on_host(start));
  EXPECT_FALSE(speaks_first_on_host(start));
  EXPECT_TRUE(speaks_first_on_host(start + 1)) << "another job";
}

}  // namespace
}  // namespace annulus::comm
