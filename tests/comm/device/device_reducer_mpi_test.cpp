// The device reducer across ranks, on a device whose streams run as far apart as they may: the same bits as
// the serial tree, whatever the world, the buckets and the way between ranks.
#include "comm/device/reducer.hpp"

#include <gtest/gtest.h>

#include "comm/device/allreduce_benchmark.hpp"
#include "comm/device/exchange.hpp"
#include "tests/comm/device/device_reducer_oracle.hpp"
#include "tests/support/mpi_environment.hpp"

namespace annulus::comm {
namespace {

struct Case {
  test::Ahead ahead;
  Transport transport;
};

class DeviceReducerMpi : public testing::TestWithParam<Case> {
 protected:
  ProcessGroup& host_ = annulus::test::session().group();
  test::LazyGroup device_{host_, GetParam().ahead, GetParam().transport};
};

ReducerOptions options_for(std::int64_t shards, Reduction reduction) {
  // Uneven buckets: a long one, one of a single element, one that is not a multiple of a cache line.
  return {.elements = 1101,
          .buckets = {{0, 900}, {900, 901}, {901, 1101}},
          .shards = shards,
          .reduction = reduction};
}

TEST_P(DeviceReducerMpi, SumsTheBitsOfTheSerialTree) {
  for (const std::int64_t shards : {1, 2, 3, 4, 6, 8, 9, 12, 24}) {
    if (shards % host_.size() != 0) continue;
    const auto reducer = make_device_reducer(*device_.group, options_for(shards, Reduction::tree));
    std::vector<std::vector<float>> sums(3, std::vector<float>(1101));

    for (std::uint32_t step = 0; step < sums.size(); ++step)
      test::enqueue_step(*reducer, *device_.work, step, sums[step]);
    reducer->wait(device_.work->compute());

    for (std::uint32_t step = 0; step < sums.size(); ++step)
      EXPECT_EQ(test::wrong_bits(sums[step], step, shards), 0u) << shards << " shards, step " << step;
  }
}

TEST_P(DeviceReducerMpi, FastSumsSmallIntegersExactly) {
  const std::int64_t shards = 6 * host_.size();  // several nodes a rank
  const auto reducer = make_device_reducer(*device_.group, options_for(shards, Reduction::fast));
  std::vector<std::vector<float>> sums(2, std::vector<float>(1101));

  for (std::uint32_t step = 0; step < sums.size(); ++step)
    test::enqueue_step(*reducer, *device_.work, step, sums[step],
                       [](std::uint32_t s, std::int64_t shard, std::size_t i) {
                         return static_cast<float>(shard + 1) * static_cast<float>(i % 7 + 1 + s);
                       });
  reducer->wait(device_.work->compute());

  const auto all = static_cast<float>(shards * (shards + 1) / 2);
  for (std::uint32_t step = 0; step < sums.size(); ++step)
    for (std::size_t i = 0; i < sums[step].size(); ++i)
      ASSERT_EQ(sums[step][i], all * static_cast<float>(i % 7 + 1 + step)) << i << ", step " << step;
}

TEST_P(DeviceReducerMpi, OnlyTheWayThroughTheHostCannotBeCaptured) {
  const auto reducer = make_device_reducer(*device_.group, options_for(host_.size(), Reduction::tree));

  EXPECT_EQ(reducer->capturable(), host_.size() == 1 || GetParam().transport == Transport::nccl);
}

INSTANTIATE_TEST_SUITE_P(Streams, DeviceReducerMpi,
                         testing::Values(Case{test::Ahead::computation, Transport::nccl},
                                         Case{test::Ahead::communication, Transport::nccl},
                                         Case{test::Ahead::computation, Transport::host}));

TEST(DeviceTreeExchangeMpi, CutsLargeBucketsWithoutChangingBits) {
  ProcessGroup& host = annulus::test::session().group();
  if (host.size() == 1) GTEST_SKIP() << "a rank alone exchanges nothing";
  test::LazyGroup device(host, test::Ahead::computation, Transport::nccl);
  constexpr std::size_t kPart = 64;
  // Several runs, the last shorter than one element a rank: some parts are empty.
  const std::size_t elements = kPart * static_cast<std::size_t>(host.size()) * 3 + 3;
  const ReducerOptions options{
      .elements = elements, .buckets = {{0, 5}, {5, elements}}, .shards = host.size()};
  std::vector<float> mine(elements);
  for (std::size_t i = 0; i < elements; ++i) mine[i] = test::awkward_value(7, host.rank(), i);

  const auto exchange = make_device_tree_exchange(*device.group, options, {mine.data()}, kPart);
  for (std::size_t bucket = 0; bucket < 2; ++bucket) exchange->start(bucket, device.work->compute());
  exchange->finish(device.work->compute());
  ASSERT_TRUE(device.work->idle(device.work->compute()));

  EXPECT_EQ(test::wrong_bits(mine, 7, host.size()), 0u);
}

TEST(DeviceAllreduceBenchmarkMpi, MeasuresEverySizeAndKindAlikeOnAllRanks) {
  ProcessGroup& host = annulus::test::session().group();
  test::LazyGroup device(host, test::Ahead::computation, Transport::nccl);

  const auto figures =
      benchmark_allreduce(*device.group, {.smallest_bytes = 4096, .largest_bytes = 65536, .repetitions = 3});

  ASSERT_EQ(figures.size(), 6u);  // three sizes, tree and fast
  for (const AllreduceFigure& each : figures) EXPECT_GT(each.microseconds, 0);
  double others = figures[0].microseconds;
  host.broadcast(std::as_writable_bytes(std::span(&others, 1)), 0, "test");
  EXPECT_EQ(others, figures[0].microseconds);
}

}  // namespace
}  // namespace annulus::comm
