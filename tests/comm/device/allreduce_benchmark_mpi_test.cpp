// The benchmark's figures follow from each other and are the same on every rank.
#include "comm/device/allreduce_benchmark.hpp"

#include <gtest/gtest.h>

#include "tests/support/mpi_environment.hpp"

namespace annulus::comm {
namespace {

TEST(AllreduceBenchmark, ReportsEverySizeAndKind) {
  ProcessGroup& group = annulus::test::session().group();

  const auto figures =
      benchmark_allreduce(group, {.smallest_bytes = 4096, .largest_bytes = 70000, .repetitions = 4});

  ASSERT_EQ(figures.size(), 6u);  // 4, 16 and 64 KB
  for (std::size_t i = 0; i < figures.size(); ++i) {
    const AllreduceFigure& figure = figures[i];
    EXPECT_EQ(figure.bytes, std::size_t{4096} << (i / 2 * 2));
    EXPECT_EQ(figure.reduction, i % 2 == 0 ? Reduction::tree : Reduction::fast);
    EXPECT_GT(figure.microseconds, 0);
    EXPECT_DOUBLE_EQ(figure.algorithm_bandwidth * 1e3 * figure.microseconds,
                     static_cast<double>(figure.bytes));
    const double n = group.size();
    EXPECT_DOUBLE_EQ(figure.bus_bandwidth, figure.algorithm_bandwidth * (2 * (n - 1) / n));
  }
}

TEST(AllreduceBenchmark, EveryRankGetsTheSameFigures) {
  ProcessGroup& group = annulus::test::session().group();

  const auto figures =
      benchmark_allreduce(group, {.smallest_bytes = 64, .largest_bytes = 64, .repetitions = 3});

  const double mine = figures.front().microseconds;
  std::vector<double> all(static_cast<std::size_t>(group.size()));
  group.all_gather(std::as_bytes(std::span(&mine, 1)), std::as_writable_bytes(std::span(all)), "test");
  for (const double other : all) EXPECT_EQ(other, mine);
}

}  // namespace
}  // namespace annulus::comm
