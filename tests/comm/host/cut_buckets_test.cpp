// Buckets are cut into runs that cover them and end with them.
#include <gtest/gtest.h>

#include <array>

#include "comm/host/runs.hpp"

namespace annulus::comm {
namespace {

TEST(Runs, CoverTheirBucketsAndNoMore) {
  const std::vector<Bucket> buckets{{0, 25}, {25, 30}, {30, 50}};

  std::vector<std::array<std::size_t, 3>> found;
  for (const comm::Run& run : make_runs(buckets, 10)) found.push_back({run.bucket, run.begin, run.end});

  EXPECT_EQ(found, (std::vector<std::array<std::size_t, 3>>{
                       {0, 0, 10}, {0, 10, 20}, {0, 20, 25}, {1, 25, 30}, {2, 30, 40}, {2, 40, 50}}));
}

}  // namespace
}  // namespace annulus::comm
